/**
 * A search parameter's FHIRPath, as far as the R4 parameters of our types use the language: paths, `|`, `and`, `!=`, brackets,
 * `as`, `ofType()`, `where(x = 'y')`, `where(resolve() is X)`, `exists()`.
 */
export type SearchPath =
  | { readonly kind: 'union' | 'and'; readonly of: readonly SearchPath[] }
  | { readonly kind: 'differs'; readonly path: SearchPath; readonly from: string }
  | { readonly kind: 'path'; readonly start: SearchPath | string; readonly steps: readonly PathStep[] };

export type PathStep =
  | { readonly kind: 'element'; readonly name: string }
  | { readonly kind: 'of-type'; readonly type: string }
  | { readonly kind: 'where-equals'; readonly element: string; readonly value: string }
  | { readonly kind: 'where-leads-to'; readonly type: string }
  | { readonly kind: 'exists' };

const TOKEN = /\s*(?:([A-Za-z]\w*)|'([^']*)'|(!=|[.|()=]))/y;

/**
 * Reads an expression of the subset.
 * @throws Error naming the expression if it uses more than that: the generated table holds something new
 */
export function parseSearchPath(expression: string): SearchPath {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.trimEnd().length) {
    const match = TOKEN.exec(expression);
    if (!match) throw new Error(`Not in the subset of FHIRPath that is indexed: ${expression}`);
    tokens.push(match[1] ?? (match[2] === undefined ? match[3]! : `'${match[2]}`));
  }
  const reader = new Reader(tokens, expression);
  const path = reader.union();
  reader.end();
  return path;
}

class Reader {
  private position = 0;

  constructor(
    private readonly tokens: readonly string[],
    private readonly expression: string,
  ) {}

  union(): SearchPath {
    const of = [this.conjunction()];
    while (this.skip('|')) of.push(this.conjunction());
    return of.length === 1 ? of[0]! : { kind: 'union', of };
  }

  end(): void {
    if (this.position < this.tokens.length) this.fail();
  }

  private conjunction(): SearchPath {
    const of = [this.comparison()];
    while (this.skip('and')) of.push(this.comparison());
    return of.length === 1 ? of[0]! : { kind: 'and', of };
  }

  private comparison(): SearchPath {
    const path = this.path();
    return this.skip('!=') ? { kind: 'differs', path, from: this.take() } : path;
  }

  private path(): SearchPath {
    const steps: PathStep[] = [];
    const start = this.skip('(') ? this.bracket() : this.name();
    if (this.skip('as')) steps.push({ kind: 'of-type', type: this.name() });
    while (this.skip('.')) steps.push(this.step());
    return steps.length === 0 && typeof start !== 'string' ? start : { kind: 'path', start, steps };
  }

  private bracket(): SearchPath {
    const inner = this.union();
    this.expect(')');
    return inner;
  }

  private step(): PathStep {
    const name = this.name();
    if (!this.skip('(')) return { kind: 'element', name };
    if (name === 'ofType' || name === 'as') return this.closed({ kind: 'of-type', type: this.name() });
    if (name === 'exists') return this.closed({ kind: 'exists' });
    if (name === 'where') return this.closed(this.condition());
    return this.fail();
  }

  private condition(): PathStep {
    const element = this.name();
    if (element === 'resolve') {
      for (const token of ['(', ')', 'is']) this.expect(token);
      return { kind: 'where-leads-to', type: this.name() };
    }
    this.expect('=');
    const value = this.take();
    return value.startsWith("'") ? { kind: 'where-equals', element, value: value.slice(1) } : this.fail();
  }

  private closed(step: PathStep): PathStep {
    this.expect(')');
    return step;
  }

  private name(): string {
    const token = this.take();
    return /^[A-Za-z]/.test(token) ? token : this.fail();
  }

  private take(): string {
    return this.tokens[this.position++] ?? this.fail();
  }

  private skip(token: string): boolean {
    if (this.tokens[this.position] !== token) return false;
    this.position++;
    return true;
  }

  private expect(token: string): void {
    if (!this.skip(token)) this.fail();
  }

  private fail(): never {
    throw new Error(`Not in the subset of FHIRPath that is indexed: ${this.expression}`);
  }
}
