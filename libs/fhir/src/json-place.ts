/** Where in a text a key stands for the second time in its object, or where nesting goes beyond the limit. */
export interface TextFault {
  readonly kind: 'duplicate' | 'too-deep' | 'none';
  readonly path: readonly (string | number)[];
}

/**
 * Reads a text known to be valid JSON and finds the first duplicate key. Parsed values do not show them: the later wins, and
 * whatever was nested in the earlier is gone, so depth is watched here too. Slow, and only for what will be refused.
 */
export function findInText(text: string, maxDepth: number): TextFault {
  const reader = new Reader(text, maxDepth);
  reader.value(0);
  return { kind: reader.found, path: reader.path.reverse() };
}

const STRING = /"(?:[^"\\]|\\.)*"/y;
const SCALAR = /[^\s,\]}]+/y;
const SPACE = /\s*/y;

class Reader {
  found: TextFault['kind'] = 'none';
  readonly path: (string | number)[] = [];
  private position = 0;

  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
  ) {}

  /** Reads one value; false as soon as something was found. */
  value(depth: number): boolean {
    this.take(SPACE);
    const start = this.text[this.position];
    if (start !== '{' && start !== '[') {
      this.take(start === '"' ? STRING : SCALAR);
      return true;
    }
    if (depth >= this.maxDepth) {
      this.found = 'too-deep';
      return false;
    }
    this.position++;
    return start === '{' ? this.object(depth + 1) : this.array(depth + 1);
  }

  private object(depth: number): boolean {
    const keys = new Set<string>();
    while (!this.closes('}')) {
      const key = JSON.parse(this.take(STRING)) as string;
      if (keys.has(key)) {
        this.found = 'duplicate';
        this.path.push(key);
        return false;
      }
      keys.add(key);
      this.take(SPACE);
      this.position++;
      if (!this.value(depth)) return this.back(key);
    }
    return true;
  }

  private array(depth: number): boolean {
    for (let i = 0; !this.closes(']'); i++) if (!this.value(depth)) return this.back(i);
    return true;
  }

  /** Steps over a comma or the closing bracket; true after the latter. */
  private closes(bracket: string): boolean {
    this.take(SPACE);
    if (this.text[this.position] === ',') {
      this.position++;
      this.take(SPACE);
      return false;
    }
    if (this.text[this.position] !== bracket) return false;
    this.position++;
    return true;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.position;
    const taken = pattern.exec(this.text)?.[0] ?? '';
    this.position += taken.length;
    return taken;
  }

  private back(step: string | number): false {
    this.path.push(step);
    return false;
  }
}
