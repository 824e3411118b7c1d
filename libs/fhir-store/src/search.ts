import { audited, auditOfPage, storable } from '@baton/access';
import { resourceType, RESOURCE_TYPES } from '@baton/contracts';
import type { Include, SearchQuery } from '@baton/fhir';
import { refuse, type Caller } from '@baton/kernel';
import { shapedStatement, type Reader } from '@baton/postgres';
import { criterionSql, lastUpdatedSql, namesPatients, Values } from './criteria.js';
import type { PageEnd, PageLinks } from './page-links.js';
import { schemaOf } from './reading.js';
import { foundColumns, storedColumns, type FoundRow, type StoredRow } from './rows.js';
import { visible } from './visibility.js';

/** A page of what was searched for. */
export interface Found<Row extends FoundRow = FoundRow> {
  readonly matches: readonly Row[];
  readonly included: readonly Row[];
  /** Matches in all that the caller may see; counted when asked for, or when they are all on this page. */
  readonly total?: number;
  /** Link to the next page, if there is one. */
  readonly next?: string;
}

type Sorted<Row> = Row & { sort_key: string | number | null };

/** Finds a page of matches and one more, which tells that there is another page. */
type FindPage<Row> = (after: PageEnd | undefined) => Promise<Sorted<Row>[]>;

/** Rounds of `:iterate` at most. */
const ITERATIONS = 3;

/**
 * Searches a type: one statement, visibility in the predicate of every row it looks at; pages by key, so that what is
 * written meanwhile neither repeats nor hides a match. What is found is to be audited before it is shown.
 *
 * @throws Refused `malformed` for a page link that does not fit
 */
export async function search(from: Reader, caller: Caller, query: SearchQuery, pages: PageLinks): Promise<Found<StoredRow>> {
  if (query.summary === 'count') return { matches: [], included: [], total: await countMatches(from, caller, query) };
  const found = await onePage(from, caller, query, pages, (after) => {
    const { sql, values } = matching(caller, query, after, storedColumns('r'));
    return from.query<Sorted<StoredRow>>(shapedStatement(sql), values);
  });
  return { ...found, included: await included(from, caller, query, found.matches) };
}

/** Whether a search shows what matches and nothing besides: {@link disclosedSearch} carries it out. */
export const showsMatchesOnly = (query: SearchQuery): boolean => query.include.length === 0 && query.revinclude.length === 0 && query.summary !== 'count';

/**
 * A {@link search} for a caller who is shown what matches: the statement that finds a page also writes that it was shown, to whom and about
 * whom, and both are committed when this resolves.
 *
 * @param query one that {@link showsMatchesOnly}
 * @param asked the search as it came, for the audit
 * @throws Refused `malformed` for a page link that does not fit
 */
export function disclosedSearch(from: Reader, caller: Caller, query: SearchQuery, pages: PageLinks, asked: string): Promise<Found> {
  return onePage(from, caller, query, pages, (after) => {
    const { sql, values, order } = matching(caller, query, after, foundColumns('r'));
    const more = new Values(values);
    const audit = auditOfPage('search', 'page', { partner: '$1', client: more.add(caller.client), requestId: more.add(caller.requestId), correlationId: more.add(caller.correlationId), query: more.add(storable(asked)) });
    return audited<Sorted<FoundRow>>(from, shapedStatement(`WITH found AS (${sql}), page AS (SELECT * FROM found ORDER BY ${order} LIMIT ${more.add(query.count)}), audited AS (${audit}) SELECT * FROM found ORDER BY ${order}`), values);
  });
}

async function onePage<Row extends FoundRow>(from: Reader, caller: Caller, query: SearchQuery, pages: PageLinks, find: FindPage<Row>): Promise<Found<Row>> {
  const signature = JSON.stringify([query.type, query.used]);
  const after = query.cursor === undefined ? undefined : pages.open(caller, signature, query.cursor, Date.now());
  const counted = query.total === 'accurate' ? await countMatches(from, caller, query) : undefined;
  const rows = await find(after);
  const page = rows.slice(0, query.count);
  const last = page.at(-1);
  const more = rows.length > query.count && last !== undefined;
  const total = counted ?? (!more && after === undefined ? page.length : undefined);
  return {
    matches: page,
    included: [],
    ...(total === undefined ? {} : { total }),
    ...(more ? { next: pages.seal(caller, signature, { id: last.id, sort: last.sort_key }, Date.now()) } : {}),
  };
}

/**
 * Ids of what matches and is visible, two at most: for conditional interactions, which may learn no more than a search.
 */
export async function matchingIds(from: Reader, caller: Caller, query: SearchQuery): Promise<StoredRow[]> {
  const { sql, values } = matching(caller, { ...query, count: 1, sort: [] }, undefined, storedColumns('r'));
  return from.query<StoredRow>(shapedStatement(sql), values);
}

/** The statement that finds a page of matches and one more. `$1` is the caller's partner id; `order` sorts its rows once more. */
function matching(caller: Caller, query: SearchQuery, after: PageEnd | undefined, columns: string): { sql: string; values: unknown[]; order: string } {
  const values = new Values([caller.partner, query.type]);
  const where = condition(caller, query, values);
  const sort = sortOf(query, values);
  const past = after ? ` AND ${pastSql(sort, after, values)}` : '';
  const direction = sort?.descending ? 'DESC NULLS LAST' : 'ASC NULLS LAST';
  return {
    sql: `SELECT ${columns}, ${sort?.sql ?? 'NULL'} AS sort_key FROM ${schemaOf(query.type)}.resource_v1 r WHERE ${where}${past} ORDER BY ${sort ? `${sort.sql} ${direction}, ` : ''}r.id LIMIT ${values.add(query.count + 1)}`,
    values: values.list,
    order: sort ? `sort_key ${direction}, id` : 'id',
  };
}

async function countMatches(from: Reader, caller: Caller, query: SearchQuery): Promise<number> {
  const values = new Values([caller.partner, query.type]);
  const [row] = await from.query<{ n: number }>(shapedStatement(`SELECT count(*)::int AS n FROM ${schemaOf(query.type)}.resource_v1 r WHERE ${condition(caller, query, values)}`), values.list);
  return row!.n;
}

function condition(caller: Caller, query: SearchQuery, values: Values): string {
  const lookup = query.ids !== undefined || query.criteria.some(namesPatients) ? 'by-row' : 'by-value';
  return [
    'r.type = $2 AND NOT r.deleted',
    visible(caller, 'r', '$1'),
    ...(query.ids === undefined ? [] : [`r.id = ANY(${values.add(query.ids)}::text[])`]),
    ...query.lastUpdated.map((asked) => lastUpdatedSql(asked, 'r', values)),
    ...query.criteria.map((criterion) => criterionSql(criterion, query.type, 'r', caller, '$1', values, lookup)),
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
