/**
 * Splits the value of a search parameter at a separator that no backslash stands before; the parts keep their escapes
 * (R4 §3.1.1.4.0.1). `a\,b,c` → `a\,b` and `c`.
 */
export function splitEscaped(text: string, separator: ',' | '|' | '$'): string[] {
  if (!text.includes('\\')) return text.split(separator);
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === separator) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** Takes the escapes `\,` `\|` `\$` `\\` away; another backslash stands for itself. */
export const unescapeValue = (text: string): string => text.replaceAll(/\\([,|$\\])/g, '$1');

/** Escapes a text, so that a query takes it as one value and nothing in it as a separator. */
export const escapeValue = (text: string): string => text.replaceAll(/[,|$\\]/g, '\\$&');
