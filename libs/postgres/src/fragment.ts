import { statement, type Statement } from './statement.js';

/**
 * A piece of SQL with its values, written by one library and woven into a larger statement by another. Placeholders are
 * `$1 … $n`, counted within the fragment. The text must not depend on how many rows it carries (use `unnest`), so that
 * the woven statement stays the same and its plan is kept.
 */
export interface Fragment {
  readonly sql: string;
  readonly values: readonly unknown[];
}

const woven = new Map<string, Statement>();

/**
 * Weaves named fragments into one statement: `WITH a AS (…), b AS (…) <last>`. All parts run in one snapshot and
 * one round trip; data-modifying parts do not see one another's rows.
 *
 * @param parts name of the common table expression → its fragment, in order
 * @param last the closing SELECT; it may name the parts
 */
export function weave(parts: Readonly<Record<string, Fragment>>, last: Fragment): { statement: Statement; values: unknown[] } {
  const names = Object.keys(parts);
  const values: unknown[] = [];
  const key: string[] = [];
  for (const name of names) {
    key.push(name, parts[name]!.sql);
    values.push(...parts[name]!.values);
  }
  key.push(last.sql);
  values.push(...last.values);
  const joined = key.join('\n');
  let found = woven.get(joined);
  if (!found) {
    let before = 0;
    const shifted = (fragment: Fragment): string => {
      const text = fragment.sql.replace(/\$(\d+)/g, (_, n: string) => `$${Number(n) + before}`);
      before += fragment.values.length;
      return text;
    };
    const ctes = names.map((name) => `${name} AS (${shifted(parts[name]!)})`);
    found = statement(`${ctes.length > 0 ? `WITH ${ctes.join(',\n')}\n` : ''}${shifted(last)}`);
    woven.set(joined, found);
  }
  return { statement: found, values };
}
