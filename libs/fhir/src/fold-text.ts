const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

/** A text as strings are compared in searches: without marks on letters, lower-case, white space collapsed (R4 §3.1.1.4.9). */
export function foldText(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  return text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase().replaceAll(/\s+/gu, ' ').trim();
}
