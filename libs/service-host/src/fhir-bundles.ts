import type { SearchQuery } from '@baton/fhir';
import { outcomeOfSuccess } from '@baton/fhir';
import { shown, type Found, type StoredRow, type VersionRow } from '@baton/fhir-store';
import type { Caller } from '@baton/kernel';

const text = (value: unknown): string => JSON.stringify(value);

/**
 * A searchset Bundle as JSON text: bodies are spliced in as they are stored, never parsed. The self link shows what was
 * used of the search, and nothing that was ignored.
 */
export function searchsetText(base: string, caller: Caller, query: SearchQuery, found: Found): string {
  const self = new URLSearchParams(query.used.map(([name, value]) => [name, value]));
  const next = new URLSearchParams(self);
  if (found.next !== undefined) next.set('_cursor', found.next);
  const at = (params: URLSearchParams) => `${base}/${query.type}${params.size > 0 ? `?${params.toString()}` : ''}`;
  const links = [{ relation: 'self', url: at(self) }, ...(found.next === undefined ? [] : [{ relation: 'next', url: at(next) }])];
  const entry = (row: StoredRow, mode: string) => `{"fullUrl":${text(`${base}/${row.type}/${row.id}`)},"resource":${shown(caller, row)},"search":{"mode":"${mode}"}}`;
  const entries = [...found.matches.map((row) => entry(row, 'match')), ...found.included.map((row) => entry(row, 'include'))];
  if (query.ignored.length > 0) {
    const outcome = outcomeOfSuccess('Some of the search was not understood and was left out.', query.ignored.map((name) => ({ rule: 'search-parameter-unknown', says: `${name} is not a search parameter of ${query.type} here.`, at: [name] })));
    entries.push(`{"resource":${text(outcome)},"search":{"mode":"outcome"}}`);
  }
  const total = found.total === undefined ? '' : `"total":${found.total},`;
  return `{"resourceType":"Bundle","type":"searchset",${total}"link":${text(links)}${entries.length > 0 ? `,"entry":[${entries.join(',')}]` : ''}}`;
}

const STATUS: Readonly<Record<VersionRow['method'], string>> = { POST: '201', PUT: '200', PATCH: '200', DELETE: '204' };

/** A history Bundle as JSON text, newest version first. */
export function historyText(base: string, of: string, caller: Caller, rows: readonly VersionRow[], params: URLSearchParams, more: boolean): string {
  const at = (changes: Record<string, string>) => {
    const query = new URLSearchParams([...params].filter(([name]) => name === '_count' || name === '_since'));
    for (const [name, value] of Object.entries(changes)) query.set(name, value);
    return `${base}/${of}/_history${query.size > 0 ? `?${query.toString()}` : ''}`;
  };
  const links = [{ relation: 'self', url: at({}) }, ...(more ? [{ relation: 'next', url: at({ _before: String(rows.at(-1)!.version) }) }] : [])];
  const entries = rows.map((row) => {
    const url = `${base}/${row.type}/${row.id}`;
    const resource = row.method === 'DELETE' ? '' : `"resource":${shown(caller, row)},`;
    const request = { method: row.method, url: row.method === 'POST' ? row.type : `${row.type}/${row.id}` };
    const response = { status: STATUS[row.method], etag: `W/"${row.version}"`, lastModified: row.last_updated.toISOString() };
    return `{"fullUrl":${text(url)},${resource}"request":${text(request)},"response":${text(response)}}`;
  });
  return `{"resourceType":"Bundle","type":"history","link":${text(links)}${entries.length > 0 ? `,"entry":[${entries.join(',')}]` : ''}}`;
}
