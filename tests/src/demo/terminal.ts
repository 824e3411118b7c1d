import { styleText } from 'node:util';

/** Columns a terminal is sure to have. */
export const WIDTH = 100;

export type Colour = 'cyan' | 'magenta' | 'yellow' | 'green' | 'red' | 'bold' | 'dim' | 'blue';

/** Colour on a terminal that shows it, plain text anywhere else (`NO_COLOR` is honoured). */
export const coloured = (colour: Colour, text: string): string => styleText(colour, text, { stream: process.stdout });

/** Breaks a text at spaces, so that no line is longer than `width`. A word that is longer stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A row of columns, each as wide as said; the last takes what is left, and goes on below itself. */
export function row(columns: readonly { readonly text: string; readonly width?: number; readonly right?: boolean; readonly colour?: Colour | undefined }[], indent = 2): string {
  const gap = 2;
  const used = columns.reduce((sum, { width }) => sum + (width === undefined ? 0 : width + gap), indent);
  const cells = columns.map(({ text, width = WIDTH - used }) => wrap(text, width));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) => {
    const shown = columns.map(({ width = 0, right = false, colour }, column) => {
      const text = cells[column]![line] ?? '';
      const padded = right ? text.padStart(width) : text.padEnd(width);
      return colour === undefined ? padded : coloured(colour, padded);
    });
    return `${' '.repeat(indent)}${shown.join(' '.repeat(gap))}`.trimEnd();
  }).join('\n');
}

export const rule = (): string => coloured('dim', '─'.repeat(WIDTH));
