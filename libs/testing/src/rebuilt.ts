import type { Database, Projection, Slice } from '@baton/postgres';

/** Derives a projection again from beginning to end. @returns what was found in all */
export async function rebuilt(projection: Projection, database: Database, mend = true): Promise<Slice> {
  const sum = { looked: 0, missing: 0, surplus: 0 };
  for await (const { looked, missing, surplus } of projection.rebuild(database, mend)) {
    sum.looked += looked;
    sum.missing += missing;
    sum.surplus += surplus;
  }
  return sum;
}
