import { crashPoint } from '@baton/kernel';
import { perSchema, type Database, type Projection, type Schema, type Slice, type Tx } from '@baton/postgres';
import type { StoredRow } from './rows.js';
import { columnsOf, deleteRows, identityOf, indexRowsOf, insertRows, IS_GIVEN, ROWS, type IndexRow } from './search-index.js';
import { contentOf } from './stamp.js';

type Place = Pick<StoredRow, 'type' | 'id'>;
type Stored = Pick<StoredRow, 'type' | 'id' | 'deleted' | 'body'>;

const RESOURCES_AT_ONCE = 500;
const ROWS_AT_ONCE = 2_000;

const resourcesAfter = perSchema((schema) => `SELECT type, id, deleted, body::text AS body FROM ${schema}.resource WHERE (type, id) > ($1::text, $2::text) ORDER BY type, id LIMIT ${RESOURCES_AT_ONCE}`);
const resourcesAt = perSchema((schema) => `SELECT r.type, r.id, r.deleted, r.body::text AS body FROM ${schema}.resource r JOIN unnest($1::text[], $2::text[]) AS those(type, id) ON r.type = those.type AND r.id = those.id`);
const lockResource = perSchema((schema) => `SELECT type, id, deleted, body::text AS body FROM ${schema}.resource WHERE type = $1 AND id = $2 FOR UPDATE`);
const missingOf = perSchema((schema) => `SELECT given.* FROM ${ROWS} WHERE NOT EXISTS (SELECT FROM ${schema}.search s WHERE ${IS_GIVEN})`);
const presentOf = perSchema((schema) => `SELECT DISTINCT given.* FROM ${ROWS} JOIN ${schema}.search s ON ${IS_GIVEN}`);
const rowsAfter = perSchema(
  (schema) => `SELECT type, param, value, id, system, low, high FROM ${schema}.search WHERE (type, param, value, id) > ($1::text, $2::text, $3::text, $4::text) ORDER BY type, param, value, id
    FETCH FIRST ${ROWS_AT_ONCE} ROWS WITH TIES`,
);

/**
 * The search index of a schema, derived again from the resources. First every resource is asked for the rows it should have, then every row for a
 * resource that should have it: two walks along an index, so that its cost grows with what is stored and no further.
 */
export const searchProjection = (schema: Schema): Projection => ({
  name: 'search',
  async *rebuild(database, mend) {
    yield* fromResources(database, schema, mend);
    yield* fromRows(database, schema, mend);
  },
});

async function* fromResources(database: Database, schema: Schema, mend: boolean): AsyncIterable<Slice> {
  const judge: Judge = async (tx, wanted) => {
    const rows = await tx.query<IndexRow>(missingOf(schema), columnsOf(wanted));
    if (mend) await tx.query(insertRows(schema), columnsOf(rows));
    return rows.length;
  };
  for (let last: Place = { type: '', id: '' }; ; ) {
    const found = await database.query<Stored>(resourcesAfter(schema), [last.type, last.id]);
    if (found.length === 0) return;
    const missing = await database.query<IndexRow>(missingOf(schema), columnsOf(found.flatMap(rowsThatShouldBe)));
    yield { looked: found.length, missing: await judgedUnderLock(database, schema, missing, judge), surplus: 0 };
    last = found.at(-1)!;
  }
}

async function* fromRows(database: Database, schema: Schema, mend: boolean): AsyncIterable<Slice> {
  const judge: Judge = async (tx, wanted, suspects) => {
    const still = new Set(wanted.map(identityOf));
    const rows = await tx.query<IndexRow>(presentOf(schema), columnsOf(suspects.filter((row) => !still.has(identityOf(row)))));
    if (mend) await tx.query(deleteRows(schema), columnsOf(rows));
    return rows.length;
  };
  for (let last: Pick<IndexRow, 'type' | 'param' | 'value' | 'id'> = { type: '', param: '', value: '', id: '' }; ; ) {
    const found = await database.query<IndexRow>(rowsAfter(schema), [last.type, last.param, last.value, last.id]);
    if (found.length === 0) return;
    const places = placesOf(found);
    const owners = await database.query<Stored>(resourcesAt(schema), [places.map(({ type }) => type), places.map(({ id }) => id)]);
    const right = new Set(owners.flatMap(rowsThatShouldBe).map(identityOf));
    const surplus = found.filter((row) => !right.has(identityOf(row)));
    yield { looked: 0, missing: 0, surplus: await judgedUnderLock(database, schema, surplus, judge) };
    last = found.at(-1)!;
  }
}

/** @returns how many rows were wrong. @param wanted rows the resource should have @param suspects rows of it that looked wrong */
type Judge = (tx: Tx, wanted: readonly IndexRow[], suspects: readonly IndexRow[]) => Promise<number>;

/** What was read without a lock may have changed since: whoever looks wrong is looked at again while nobody changes it. */
async function judgedUnderLock(database: Database, schema: Schema, suspects: readonly IndexRow[], judge: Judge): Promise<number> {
  let wrong = 0;
  for (const { type, id } of placesOf(suspects)) {
    wrong += await database.transaction(async (tx) => {
      const [owner] = await tx.query<Stored>(lockResource(schema), [type, id]);
      const rows = await judge(tx, owner ? rowsThatShouldBe(owner) : [], suspects.filter((row) => row.type === type && row.id === id));
      crashPoint('rebuild.resource-judged');
      return rows;
    });
  }
  return wrong;
}

const rowsThatShouldBe = (stored: Stored): IndexRow[] => (stored.deleted ? [] : indexRowsOf(stored.type, stored.id, contentOf(stored)));

const placesOf = (rows: readonly Place[]): Place[] => [...new Map(rows.map(({ type, id }) => [`${type}/${id}`, { type, id }])).values()];
