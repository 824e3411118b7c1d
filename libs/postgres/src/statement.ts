/**
 * A prepared statement: PostgreSQL parses and plans it once per connection and knows it by its name afterwards.
 * Texts are schema-qualified, so that a statement means the same under every role and search path.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

const known = new Map<string, Statement>();

/** The statement of a text; the same text gives the same statement. Texts must come from code, never from input. */
export function statement(text: string): Statement {
  let found = known.get(text);
  if (!found) {
    found = { name: `b${known.size}`, text };
    known.set(text, found);
  }
  return found;
}
