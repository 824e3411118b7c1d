import type { DateValue, NumberValue, ReferenceValue, StringValue, TokenValue, UriValue } from './query-value.js';

interface CriterionBase {
  /** The parameter as asked for, alias and modifier included: for messages. */
  readonly name: string;
  /** The parameter whose index entries decide: aliases resolved; `subject:identifier` where a reference is asked for by identifier. */
  readonly param: string;
  /** Only references that lead to this type count: what an alias adds to its base. */
  readonly target?: string;
  /** `:missing`: whether there must be no entry (true) or some (false); `values` is empty then. */
  readonly missing?: boolean;
}

/** One condition: any of `values` will do; several criteria must all hold. */
export type Criterion =
  | (CriterionBase & { readonly kind: 'token'; readonly modifier?: 'not'; readonly values: readonly TokenValue[] })
  | (CriterionBase & { readonly kind: 'string'; readonly modifier?: 'exact' | 'contains'; readonly values: readonly StringValue[] })
  /** With `chain`, `values` is empty: the reference must lead to something that meets one of the chain's conditions. */
  | (CriterionBase & { readonly kind: 'reference'; readonly chain?: readonly Chain[]; readonly values: readonly ReferenceValue[] })
  | (CriterionBase & { readonly kind: 'date'; readonly values: readonly DateValue[] })
  | (CriterionBase & { readonly kind: 'uri'; readonly values: readonly UriValue[] })
  | (CriterionBase & { readonly kind: 'number' | 'quantity'; readonly values: readonly NumberValue[] });

/** Where a chained parameter leads: a resource of that type that meets the criterion, itself unchained. */
export interface Chain {
  readonly type: string;
  readonly criterion: Criterion;
}

export interface Sort {
  /** `_id`, `_lastUpdated` or a date parameter of the type. */
  readonly param: string;
  readonly descending: boolean;
}

/** `_include`, `_revinclude`: `source` is the type that holds the reference. */
export interface Include {
  readonly source: string;
  /** Index parameter, aliases resolved. */
  readonly param: string;
  /** Only what is of this type. */
  readonly target?: string;
  readonly iterate: boolean;
}

/** A search as it was understood. */
export interface SearchQuery {
  readonly type: string;
  readonly criteria: readonly Criterion[];
  /** `_id`: absent, any; empty, none (two lists without a common id). */
  readonly ids?: readonly string[];
  /** `_lastUpdated`: each list is one parameter, any of its values will do; all lists must hold. */
  readonly lastUpdated: readonly (readonly DateValue[])[];
  /** Matches on a page, 1 to 200. */
  readonly count: number;
  /** `_total` as asked for. */
  readonly total?: 'none' | 'estimate' | 'accurate';
  readonly sort: readonly Sort[];
  /** `count`: only the number of matches is wanted (also `_count=0`). */
  readonly summary?: 'count';
  /** Elements wanted besides the mandatory ones; absent: all. */
  readonly elements?: readonly string[];
  readonly include: readonly Include[];
  readonly revinclude: readonly Include[];
  /** `_cursor` as it came; its signature is not this library's business. */
  readonly cursor?: string;
  /** Name and value of each parameter that had an effect, for the self link; without `_cursor`. */
  readonly used: readonly (readonly [string, string])[];
  /** Names of parameters that were not understood, with `handling=lenient`. */
  readonly ignored: readonly string[];
}
