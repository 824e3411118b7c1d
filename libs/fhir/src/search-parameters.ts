import { SEARCH_PARAMETERS } from './generated/search-parameters.js';
import { INDEXED_PARAMETERS } from './indexed-parameters.js';
import type { OfficialSearchParameter } from './official-search-parameter.js';
import { isOwnedType } from './types.js';

export interface SearchParameter extends OfficialSearchParameter {
  /** The name in a query: `birthdate`. */
  readonly code: string;
  /** The parameter whose index entries answer this one: `patient` is `subject`, as far as it leads to a Patient. */
  readonly aliasOf?: string;
}

export type SearchParameters = ReadonlyMap<string, SearchParameter>;

const ALIAS = /^(.+)\.where\(resolve\(\) is \w+\)$/;
const COLUMNS = ['_id', '_lastUpdated'] as const;

const official = new Map<string, SearchParameters>();
const supported = new Map<string, SearchParameters>();
const indexed = new Map<string, SearchParameters>();

/** Looks up once per type. */
const once = (kept: Map<string, SearchParameters>, type: string, make: () => Iterable<SearchParameter>): SearchParameters => {
  let found = kept.get(type);
  if (!found) {
    found = new Map([...make()].map((parameter) => [parameter.code, parameter]));
    if (isOwnedType(type)) kept.set(type, found);
  }
  return found;
};

const drawn = (type: string): SearchParameter[] =>
  Object.hasOwn(SEARCH_PARAMETERS, type) ? Object.entries(SEARCH_PARAMETERS[type]!).map(([code, parameter]) => ({ code, ...parameter })) : [];

/**
 * All search parameters that R4 defines for a type, those of every resource (`_id`, `_lastUpdated` …) included. Composite,
 * special and full-text parameters are not among them. Empty for a type Baton does not store.
 */
export const officialParametersOf = (type: string): SearchParameters =>
  once(official, type, () => (isOwnedType(type) ? [...drawn('Resource'), ...drawn(type)] : []));

/** The parameters of a type that have index entries of their own. */
export const indexedParametersOf = (type: string): SearchParameters =>
  once(indexed, type, () => (isOwnedType(type) ? INDEXED_PARAMETERS[type].map((code) => known(type, code)) : []));

/** The parameters of a type that a search may name: indexed ones, their aliases, `_id` and `_lastUpdated`. */
export const searchParametersOf = (type: string): SearchParameters =>
  once(supported, type, () => (isOwnedType(type) ? [...COLUMNS.map((code) => known(type, code)), ...indexedParametersOf(type).values(), ...aliasesOf(type)] : []));

function known(type: string, code: string): SearchParameter {
  const parameter = officialParametersOf(type).get(code);
  if (!parameter) throw new Error(`R4 defines no search parameter ${code} of ${type}`);
  return parameter;
}

/** A parameter that is another one's expression, narrowed to one target type. */
function aliasesOf(type: string): SearchParameter[] {
  const bases = new Map([...indexedParametersOf(type).values()].map(({ code, expression }) => [expression, code]));
  return [...officialParametersOf(type).values()].flatMap((parameter) => {
    const aliasOf = bases.get(ALIAS.exec(parameter.expression)?.[1] ?? '');
    return aliasOf === undefined ? [] : [{ ...parameter, aliasOf }];
  });
}
