import type { Include, SearchQuery, Sort } from './search-query.js';
import { searchParametersOf } from './search-parameters.js';
import { isOwnedType } from './types.js';
import type { Fault } from './search-criterion.js';

/** Matches on a page: asked for nothing, and at most. */
export const COUNT_BY_DEFAULT = 20;
export const MOST_ON_A_PAGE = 200;
const MOST_SORT_KEYS = 3;

type Results = Partial<{ -readonly [K in 'count' | 'total' | 'sort' | 'summary' | 'elements' | 'cursor']: NonNullable<SearchQuery[K]> }> & { include: Include[]; revinclude: Include[] };
/** Takes one parameter's value in; the value that had an effect, or why it has none. */
type Take = (value: string, into: Results, type: string) => string | Fault;

const unknown = (says: string): Fault => ({ fault: 'unknown', says });
const malformed = (says: string): Fault => ({ fault: 'malformed', says });

const count: Take = (value, into) => {
  if (!/^\d{1,9}$/.test(value)) return malformed('_count takes a whole number.');
  const wanted = Number(value);
  if (wanted === 0) into.summary = 'count';
  else into.count = Math.min(wanted, MOST_ON_A_PAGE);
  return String(Math.min(wanted, MOST_ON_A_PAGE));
};

const total: Take = (value, into) => {
  if (value !== 'none' && value !== 'estimate' && value !== 'accurate') return malformed('_total takes none, estimate or accurate.');
  into.total = value;
  return value;
};

const SUMMARIES = ['true', 'text', 'data'];

const summary: Take = (value, into) => {
  if (value === 'count') into.summary = 'count';
  else if (SUMMARIES.includes(value)) return unknown(`_summary=${value} is not offered.`);
  else if (value !== 'false') return malformed('_summary takes count or false.');
  return value;
};

const sort: Take = (value, into, type) => {
  const keys = value.split(',').map((key): Sort => (key.startsWith('-') ? { param: key.slice(1), descending: true } : { param: key, descending: false }));
  if (keys.some(({ param }) => !/^[A-Za-z_][\w-]*$/.test(param))) return malformed('_sort takes names of parameters separated by commas, each with - before it where it descends.');
  if (keys.length > MOST_SORT_KEYS) return malformed(`_sort takes at most ${MOST_SORT_KEYS} parameters.`);
  const sortable = ({ param }: Sort) => param === '_id' || searchParametersOf(type).get(param)?.type === 'date';
  if (!keys.every(sortable)) return unknown(`_sort of ${type} takes _id, _lastUpdated and the parameters that are dates.`);
  into.sort = keys;
  return value;
};

const elements: Take = (value, into) => {
  const names = value.split(',');
  if (names.some((name) => !/^[A-Za-z]{1,64}$/.test(name))) return malformed('_elements takes names of elements of the resource, separated by commas.');
  into.elements = names;
  return value;
};

const cursor: Take = (value, into) => {
  if (value === '') return malformed('_cursor is empty.');
  into.cursor = value;
  return value;
};

const INCLUDE = /^([A-Z][A-Za-z]*):([A-Za-z][\w-]*)(?::([A-Z][A-Za-z]*))?$/;

function readInclude(name: string, value: string): { code: string; include: Omit<Include, 'iterate'> } | Fault {
  const [, source = '', code = '', asked] = INCLUDE.exec(value) ?? [];
  if (source === '') return value === '*' ? unknown(`${name}=* is not offered.`) : malformed(`${name} takes Type:parameter or Type:parameter:Target.`);
  const parameter = searchParametersOf(source).get(code);
  if (parameter?.type !== 'reference') return unknown(`${source}:${code} of ${name} is no reference that can be followed here.`);
  const target = asked ?? (parameter.aliasOf === undefined ? undefined : parameter.target?.[0]);
  if (asked !== undefined && !(parameter.target?.includes(asked) ?? true)) return malformed(`${name}: ${source}:${code} does not lead to ${asked}.`);
  return { code, include: { source, param: parameter.aliasOf ?? code, ...(target === undefined ? {} : { target }) } };
}

const include =
  (name: '_include' | '_revinclude', iterate: boolean): Take =>
  (value, into, type) => {
    const read = readInclude(name, value);
    if ('fault' in read) return read;
    const { source, target } = read.include;
    // Without :iterate the first round starts from the matches: forward from their own type, back to it.
    if (!iterate && name === '_include' && source !== type) return unknown(`_include=${value} does not begin at ${type}.`);
    const leads = target === undefined ? (searchParametersOf(source).get(read.code)?.target ?? [type]) : [target];
    if (!iterate && name === '_revinclude' && !leads.includes(type)) return unknown(`_revinclude=${value} does not lead to ${type}.`);
    if (!isOwnedType(source)) return unknown(`${source} is not stored here.`);
    into[name === '_include' ? 'include' : 'revinclude'].push({ ...read.include, iterate });
    return value;
  };

/** Parameters that shape the answer, by name; all but the inclusions may be given once. */
export const RESULT_PARAMETERS: ReadonlyMap<string, Take> = new Map([
  ['_count', count],
  ['_total', total],
  ['_summary', summary],
  ['_sort', sort],
  ['_elements', elements],
  ['_cursor', cursor],
  ['_include', include('_include', false)],
  ['_include:iterate', include('_include', true)],
  ['_revinclude', include('_revinclude', false)],
  ['_revinclude:iterate', include('_revinclude', true)],
]);

/** What {@link RESULT_PARAMETERS} fill in. */
export const noResults = (): Results => ({ include: [], revinclude: [] });
