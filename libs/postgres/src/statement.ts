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

const SHAPES_AT_MOST = 500;
const shapes = new Map<string, Statement>();

/**
 * The statement of a text that code puts together from what a caller asks for (a search): the first few hundred shapes are
 * prepared, later ones are planned each time, so that inventive callers cannot fill the connections' memory.
 */
export function shapedStatement(text: string): Statement {
  const found = shapes.get(text);
  if (found) return found;
  if (shapes.size >= SHAPES_AT_MOST) return { name: '', text };
  const made = { name: `s${shapes.size}`, text };
  shapes.set(text, made);
  return made;
}
