import { resourceType, RESOURCE_TYPES } from '@baton/contracts';
import type { Include, SearchQuery } from '@baton/fhir';
import { refuse, type Caller } from '@baton/kernel';
import { shapedStatement, type Reader } from '@baton/postgres';
import { criterionSql, lastUpdatedSql, Values } from './criteria.js';
import type { PageEnd, PageLinks } from './page-links.js';
import { schemaOf } from './reading.js';
import { storedColumns, type StoredRow } from './rows.js';
import { visible } from './visibility.js';

/** A page of what was searched for. */
export interface Found {
  readonly matches: readonly StoredRow[];
  readonly included: readonly StoredRow[];
  /** Matches in all that the caller may see; counted when asked for, or when they are all on this page. */
  readonly total?: number;
  /** Link to the next page, if there is one. */
  readonly next?: string;
}

type Match = StoredRow & { sort_key: string | number | null };

/** Rounds of `:iterate` at most. */
const ITERATIONS = 3;

/**
 * Searches a type: one statement, visibility in the predicate of every row it looks at; pages by key, so that what is
 * written meanwhile neither repeats nor hides a match.
 *
 * @throws Refused `malformed` for a page link that does not fit
 */
export async function search(from: Reader, caller: Caller, query: SearchQuery, pages: PageLinks): Promise<Found> {
  if (query.summary === 'count') return { matches: [], included: [], total: await countMatches(from, caller, query) };
  const signature = JSON.stringify([query.type, query.used]);
  const after = query.cursor === undefined ? undefined : pages.open(caller, signature, query.cursor, Date.now());
  const rows = await matches(from, caller, query, after);
  const page = rows.slice(0, query.count);
  const last = page.at(-1);
  const more = rows.length > query.count && last !== undefined;
  const total = query.total === 'accurate' ? await countMatches(from, caller, query) : !more && after === undefined ? page.length : undefined;
  return {
    matches: page,
    included: await included(from, caller, query, page),
    ...(total === undefined ? {} : { total }),
    ...(more ? { next: pages.seal(caller, signature, { id: last.id, sort: last.sort_key }, Date.now()) } : {}),
  };
}

/**
 * Ids of what matches and is visible, two at most: for conditional interactions, which may learn no more than a search.
 */
export async function matchingIds(from: Reader, caller: Caller, query: SearchQuery): Promise<StoredRow[]> {
  return (await matches(from, caller, { ...query, count: 1, sort: [] }, undefined)).slice(0, 2);
}

async function matches(from: Reader, caller: Caller, query: SearchQuery, after: PageEnd | undefined): Promise<Match[]> {
  const values = new Values([caller.partner, query.type]);
  const where = condition(caller, query, values);
  const sort = sortOf(query, values);
  const past = after ? ` AND ${pastSql(sort, after, values)}` : '';
  const order = sort ? `${sort.sql} ${sort.descending ? 'DESC' : 'ASC'} NULLS LAST, r.id` : 'r.id';
  return from.query<Match>(
    shapedStatement(
      `SELECT ${storedColumns('r')}, ${sort?.sql ?? 'NULL'} AS sort_key FROM ${schemaOf(query.type)}.resource_v1 r WHERE ${where}${past} ORDER BY ${order} LIMIT ${values.add(query.count + 1)}`,
    ),
    values.list,
  );
}

async function countMatches(from: Reader, caller: Caller, query: SearchQuery): Promise<number> {
  const values = new Values([caller.partner, query.type]);
  const [row] = await from.query<{ n: number }>(shapedStatement(`SELECT count(*)::int AS n FROM ${schemaOf(query.type)}.resource_v1 r WHERE ${condition(caller, query, values)}`), values.list);
  return row!.n;
}

function condition(caller: Caller, query: SearchQuery, values: Values): string {
  return [
    'r.type = $2 AND NOT r.deleted',
    visible(caller, 'r', '$1'),
    ...(query.ids === undefined ? [] : [`r.id = ANY(${values.add(query.ids)}::text[])`]),
    ...query.lastUpdated.map((asked) => lastUpdatedSql(asked, 'r', values)),
    ...query.criteria.map((criterion) => criterionSql(criterion, query.type, 'r', caller, '$1', values)),
  ].join(' AND ');
}

interface SortKey {
  readonly sql: string;
  readonly descending: boolean;
}

/** By id unless asked otherwise: ids do not move when a resource changes. */
function sortOf(query: SearchQuery, values: Values): SortKey | undefined {
  const [first, ...more] = query.sort;
  if (more.length > 0) throw refuse('malformed', 'sort-too-long', 'A search is sorted by one parameter.', { at: ['_sort'] });
  if (!first) return undefined;
  if (first.param === '_id') return { sql: 'r.id', descending: first.descending };
  if (first.param === '_lastUpdated') return { sql: '(extract(epoch FROM r.last_updated) * 1000)::float8', descending: first.descending };
  const best = first.descending ? 'max(i.high)' : 'min(i.low)';
  return { sql: `(SELECT ${best} FROM ${schemaOf(query.type)}.search_v1 i WHERE i.type = r.type AND i.id = r.id AND i.param = ${values.add(first.param)})`, descending: first.descending };
}

function pastSql(sort: SortKey | undefined, after: PageEnd, values: Values): string {
  const id = values.add(after.id);
  if (!sort) return `r.id > ${id}`;
  if (after.sort === null || after.sort === undefined) return `${sort.sql} IS NULL AND r.id > ${id}`;
  const key = `${values.add(after.sort)}${typeof after.sort === 'number' ? '::float8' : ''}`;
  return `(${sort.sql} ${sort.descending ? '<' : '>'} ${key} OR ${sort.sql} IS NULL OR (${sort.sql} = ${key} AND r.id > ${id}))`;
}

async function included(from: Reader, caller: Caller, query: SearchQuery, page: readonly StoredRow[]): Promise<StoredRow[]> {
  if (page.length === 0 || (query.include.length === 0 && query.revinclude.length === 0)) return [];
  const seen = new Map<string, StoredRow>();
  const known = new Set(page.map(nameOf));
  let fresh: readonly StoredRow[] = page;
  for (let round = 0; round <= ITERATIONS && fresh.length > 0; round++) {
    const wanted = (include: Include) => round === 0 || include.iterate;
    const sources = fresh;
    const found = (
      await Promise.all([
        ...query.include.filter(wanted).map((include) => ledTo(from, caller, include, sources)),
        ...query.revinclude.filter(wanted).map((include) => leadingTo(from, caller, include, sources)),
      ])
    ).flat();
    fresh = found.filter((row) => !known.has(nameOf(row)));
    for (const row of fresh) {
      known.add(nameOf(row));
      seen.set(nameOf(row), row);
    }
    fresh = [...new Map(fresh.map((row) => [nameOf(row), row])).values()];
  }
  return [...seen.values()];
}

const nameOf = (row: StoredRow): string => `${row.type}/${row.id}`;

/** What the sources refer to. */
async function ledTo(from: Reader, caller: Caller, include: Include, sources: readonly StoredRow[]): Promise<StoredRow[]> {
  const ids = sources.filter((row) => row.type === include.source).map((row) => row.id);
  if (ids.length === 0) return [];
  const targets = include.target === undefined ? Object.keys(RESOURCE_TYPES) : [include.target].filter((type) => resourceType(type));
  const schemas = [...new Set(targets.map(schemaOf))].sort();
  const parts = schemas.map(
    (schema) => `SELECT ${storedColumns('r')} FROM ${schemaOf(include.source)}.search_v1 i JOIN ${schema}.resource_v1 r ON r.type = split_part(i.value, '/', 1) AND r.id = split_part(i.value, '/', 2)
      WHERE i.type = $2 AND i.param = $3 AND i.id = ANY($4::text[]) AND r.type = ANY($5::text[]) AND NOT r.deleted AND ${visible(caller, 'r', '$1')}`,
  );
  return from.query<StoredRow>(shapedStatement(parts.join(' UNION ALL ')), [caller.partner, include.source, include.param, ids, targets]);
}

/** What refers to the sources. */
async function leadingTo(from: Reader, caller: Caller, include: Include, sources: readonly StoredRow[]): Promise<StoredRow[]> {
  const references = sources.filter((row) => include.target === undefined || row.type === include.target).map(nameOf);
  return from.query<StoredRow>(
    shapedStatement(
      `SELECT ${storedColumns('r')} FROM ${schemaOf(include.source)}.resource_v1 r WHERE r.type = $2 AND NOT r.deleted AND ${visible(caller, 'r', '$1')}
        AND r.id IN (SELECT i.id FROM ${schemaOf(include.source)}.search_v1 i WHERE i.type = $2 AND i.param = $3 AND i.value = ANY($4::text[])) LIMIT 1000`,
    ),
    [caller.partner, include.source, include.param, references],
  );
}
