import { outcomeOfSuccess, renderBundle, type OutgoingEntry, type SearchQuery } from '@baton/fhir';
import type { Found, FoundRow, StoredRow, VersionRow } from '@baton/fhir-store';

/** A row as the caller may see it, as JSON text. */
type Show = (row: Pick<StoredRow, 'type' | 'body' | 'owner' | 'category'>) => string;

const withQuery = (url: string, params: URLSearchParams): string => (params.size > 0 ? `${url}?${params.toString()}` : url);

/** A searchset as JSON text. The self link shows what was used of the search, and nothing that was ignored. */
export function searchsetText(base: string, show: Show, query: SearchQuery, found: Found): string {
  const self = new URLSearchParams(query.used.map(([name, value]): [string, string] => [name, value]));
  const next = new URLSearchParams(self);
  if (found.next !== undefined) next.set('_cursor', found.next);
  const url = `${base}/${query.type}`;
  const entryOf = (mode: 'match' | 'include') => (row: FoundRow): OutgoingEntry => ({ fullUrl: `${base}/${row.type}/${row.id}`, resource: elementsOf(query, show(row)), search: { mode } });
  const ignored = query.ignored.map((name) => ({ rule: 'search-parameter-unknown', says: `${name} is not a search parameter of ${query.type} here.`, at: [name] }));
  const outcome: OutgoingEntry[] = ignored.length === 0 ? [] : [{ resource: outcomeOfSuccess('Some of the search was not understood and was left out.', ignored), search: { mode: 'outcome' } }];
  return renderBundle({
    type: 'searchset',
    ...(found.total === undefined ? {} : { total: found.total }),
    link: [{ relation: 'self', url: withQuery(url, self) }, ...(found.next === undefined ? [] : [{ relation: 'next', url: withQuery(url, next) }])],
    entry: [...found.matches.map(entryOf('match')), ...found.included.map(entryOf('include')), ...outcome],
  });
}

const ALWAYS = ['resourceType', 'id', 'meta'];
const SUBSETTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };

/** `_elements`: only those asked for, and said so (R4 §3.1.1.5.9). */
function elementsOf({ elements }: SearchQuery, body: string): string {
  if (elements === undefined) return body;
  const resource = JSON.parse(body) as Record<string, unknown> & { meta?: { tag?: unknown[] } };
  const wanted = new Set([...ALWAYS, ...elements, ...elements.map((element) => `_${element}`)]);
  const part = Object.fromEntries(Object.entries(resource).filter(([element]) => wanted.has(element)));
  return JSON.stringify({ ...part, meta: { ...resource.meta, tag: [...(resource.meta?.tag ?? []), SUBSETTED] } });
}

const STATUS: Readonly<Record<VersionRow['method'], string>> = { POST: '201', PUT: '200', PATCH: '200', DELETE: '204' };

/** A history as JSON text, newest version first. */
export function historyText(base: string, of: string, show: Show, rows: readonly VersionRow[], params: URLSearchParams, more: boolean): string {
  const asked = [...params].filter(([name]) => name === '_count' || name === '_since');
  const url = (...changes: [string, string][]) => withQuery(`${base}/${of}/_history`, new URLSearchParams([...asked, ...changes]));
  return renderBundle({
    type: 'history',
    link: [{ relation: 'self', url: url() }, ...(more ? [{ relation: 'next', url: url(['_before', String(rows.at(-1)!.version)]) }] : [])],
    entry: rows.map((row) => ({
      fullUrl: `${base}/${row.type}/${row.id}`,
      ...(row.method === 'DELETE' ? {} : { resource: show(row) }),
      request: { method: row.method, url: row.method === 'POST' ? row.type : `${row.type}/${row.id}` },
      response: { status: STATUS[row.method], etag: `W/"${row.version}"`, lastModified: row.last_updated.toISOString() },
    })),
  });
}
