import type { Schema } from './names.js';
import { statement, type Statement } from './statement.js';

/** One prepared statement per schema; schema names come from code, never from input. */
export function perSchema(text: (schema: Schema) => string): (schema: Schema) => Statement {
  const made = new Map<Schema, Statement>();
  return (schema) => {
    let found = made.get(schema);
    if (!found) {
      found = statement(text(schema));
      made.set(schema, found);
    }
    return found;
  };
}
