import { indexEntries, type Resource } from '@baton/fhir';
import { perSchema, type Fragment, type Schema } from '@baton/postgres';
import { VALUE_AT_MOST } from './criteria.js';

/** A row of the search index. */
export interface IndexRow {
  readonly type: string;
  readonly param: string;
  readonly value: string;
  readonly id: string;
  readonly system: string | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** The rows by which a resource is found, without duplicates. */
export function indexRowsOf(type: string, id: string, resource: Resource): IndexRow[] {
  return indexEntries(resource).map((entry) => ({
    type,
    param: entry.param,
    value: entry.value.slice(0, VALUE_AT_MOST),
    id,
    system: entry.system ?? null,
    low: entry.low ?? null,
    high: entry.high ?? null,
  }));
}

/** Two rows are the same if this is. */
export const identityOf = (row: IndexRow): string => JSON.stringify([row.param, row.value, row.system, row.low, row.high, row.type, row.id]);

/** Rows as {@link ROWS} reads them. */
export const columnsOf = (rows: readonly IndexRow[]): unknown[][] => [
  rows.map((row) => row.type),
  rows.map((row) => row.param),
  rows.map((row) => row.value),
  rows.map((row) => row.id),
  rows.map((row) => row.system),
  rows.map((row) => row.low),
  rows.map((row) => row.high),
];

/** From-item `given`: the rows of {@link columnsOf} in `$1` to `$7`. */
export const ROWS = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::float8[]) AS given(type, param, value, id, system, low, high)`;

/** Row `s` of the index is the one that is `given`. */
export const IS_GIVEN = `s.type = given.type AND s.param = given.param AND s.value = given.value AND s.id = given.id
  AND s.system IS NOT DISTINCT FROM given.system AND s.low IS NOT DISTINCT FROM given.low AND s.high IS NOT DISTINCT FROM given.high`;

export const insertRows = perSchema((schema) => `INSERT INTO ${schema}.search (type, param, value, id, system, low, high) SELECT given.* FROM ${ROWS}`);
export const deleteRows = perSchema((schema) => `DELETE FROM ${schema}.search s USING ${ROWS} WHERE ${IS_GIVEN}`);

/** The same as parts of a writing statement. */
export const indexed = (schema: Schema, rows: readonly IndexRow[]): Fragment => ({ sql: insertRows(schema).text, values: columnsOf(rows) });
export const unindexed = (schema: Schema, rows: readonly IndexRow[]): Fragment => ({ sql: deleteRows(schema).text, values: columnsOf(rows) });
