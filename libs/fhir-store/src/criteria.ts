import type { Criterion, DateValue, TokenValue } from '@baton/fhir';
import type { Caller } from '@baton/kernel';
import { schemaOf } from './reading.js';
import { visible } from './visibility.js';

/** Collects values and hands out their placeholders. */
export class Values {
  constructor(readonly list: unknown[]) {}

  add(value: unknown): string {
    this.list.push(value);
    return `$${this.list.length}`;
  }
}

/** What the store cuts index values to; what is compared with them is cut alike. */
export const VALUE_AT_MOST = 256;
const cut = (text: string): string => text.slice(0, VALUE_AT_MOST);

/** How a condition is to be looked up: from the index to the rows, or row by row. */
export type Lookup = 'by-value' | 'by-row';

/** Index parameters that say whom a resource is about: the store keeps that in a column of its own. */
const ABOUT = new Set(['subject', 'patient']);

/**
 * One condition of a search as SQL about a row.
 *
 * @param row alias of a `resource_v1` row of the type
 * @param lookup `by-row` where few rows are looked at anyway (those of a young person): from a common value, such as a status, the
 *   index would lead to the rows of everybody, and the planner cannot know which values are common
 * @param caller placeholder of the caller's partner id, for rows that a chain leads to
 */
export function criterionSql(criterion: Criterion, type: string, row: string, who: Caller, caller: string, values: Values, lookup: Lookup = 'by-value'): string {
  const entries = (condition: string) =>
    `EXISTS (SELECT 1 FROM ${schemaOf(type)}.search_v1 i WHERE i.type = ${row}.type AND i.id = ${row}.id AND i.param = ${values.add(criterion.param)}${condition}${lookup === 'by-row' ? ' OFFSET 0' : ''})`;
  if (criterion.missing !== undefined) return criterion.missing ? `NOT ${entries('')}` : entries('');
  switch (criterion.kind) {
    case 'token': {
      const found = entries(` AND (${anyOf(criterion.values.map((value) => tokenSql(value, values)))})`);
      return criterion.modifier === 'not' ? `NOT ${found}` : found;
    }
    case 'uri':
      return entries(` AND i.value = ANY(${values.add(criterion.values.map(({ uri }) => cut(uri)))}::text[])`);
    case 'string':
      return entries(` AND (${anyOf(criterion.values.map(({ folded, exact }) => stringSql(criterion.modifier, folded, exact, values)))})`);
    case 'date':
      return entries(` AND (${anyOf(criterion.values.map((value) => intervalSql(value, 'i.low', `coalesce(i.high, 'Infinity')`, values)))})`);
    case 'number':
    case 'quantity':
      return entries(` AND (${anyOf(criterion.values.map((value) => `${intervalSql(value, 'i.low', 'i.high', values)}${value.unit ? ` AND ${unitSql(value.unit, values)}` : ''}`))})`);
    case 'reference':
      if (criterion.chain) return anyOf(criterion.chain.map((chain) => entries(chainSql(chain.type, criterionSql(chain.criterion, chain.type, 'linked', who, caller, values), who, caller, values))));
      return referenceSql(criterion, row, entries, values);
  }
}

const anyOf = (conditions: readonly string[]): string => (conditions.length === 0 ? 'false' : conditions.length === 1 ? conditions[0]! : `(${conditions.join(' OR ')})`);

/** Whether a condition names the young people whose resources are meant. */
export const namesPatients = (criterion: Criterion): boolean =>
  criterion.kind === 'reference' && criterion.missing === undefined && !criterion.chain && ABOUT.has(criterion.param) && criterion.values.every(({ anyOf: any }) => any.every((reference) => reference.startsWith(PATIENT)));

const PATIENT = 'Patient/';

function referenceSql(criterion: Extract<Criterion, { kind: 'reference' }>, row: string, entries: (condition: string) => string, values: Values): string {
  const wanted = criterion.values.flatMap(({ anyOf: any }) => any);
  if (namesPatients(criterion)) {
    const patients = wanted.map((reference) => reference.slice(PATIENT.length));
    // One by `=`: the index then gives the rows in the order of their ids, and a page ends where it is full.
    return patients.length === 1 ? `${row}.patient = ${values.add(patients[0])}` : `${row}.patient = ANY(${values.add(patients)}::text[])`;
  }
  const target = criterion.target === undefined ? '' : ` AND starts_with(i.value, ${values.add(`${criterion.target}/`)})`;
  return entries(`${target} AND i.value = ANY(${values.add(wanted.map(cut))}::text[])`);
}

/** Where a chain leads is judged by the same visibility as everything else: a hidden row proves nothing. */
const chainSql = (type: string, condition: string, who: Caller, caller: string, values: Values): string => {
  const name = values.add(type);
  return ` AND EXISTS (SELECT 1 FROM ${schemaOf(type)}.resource_v1 linked WHERE linked.type = ${name} AND i.value = ${name} || '/' || linked.id
    AND linked.id = split_part(i.value, '/', 2) AND NOT linked.deleted AND ${visible(who, 'linked', caller)} AND ${condition})`;
};

function tokenSql({ code, system }: TokenValue, values: Values): string {
  const parts = [
    ...(code === undefined ? [] : [`i.value = ${values.add(cut(code))}`]),
    ...(system === undefined ? [] : [system === null ? 'i.system IS NULL' : `i.system = ${values.add(system)}`]),
  ];
  return parts.join(' AND ') || 'true';
}

function unitSql({ code, system }: TokenValue, values: Values): string {
  if (system === undefined || system === null) return `split_part(i.system, '|', 2) = ${values.add(code ?? '')}`;
  return `i.system = ${values.add(`${system}|${code ?? ''}`)}`;
}

function stringSql(modifier: 'exact' | 'contains' | undefined, folded: string, exact: string, values: Values): string {
  if (modifier === 'contains') return `strpos(i.value, ${values.add(folded)}) > 0`;
  const start = values.add(cut(folded));
  if (modifier === 'exact') return `i.value = ${start} AND coalesce(i.system, i.value) = ${values.add(exact)}`;
  // A range instead of LIKE: the index is in byte order, and a prepared LIKE could not use it.
  return `i.value >= ${start} AND i.value < ${start} || chr(1114111)`;
}

/** R4 §3.1.1.4.5: how an interval asked for compares with an interval stored. */
function intervalSql(asked: Pick<DateValue, 'prefix' | 'low' | 'high'>, low: string, high: string, values: Values): string {
  const from = () => `${values.add(asked.low)}::float8`;
  const to = () => `${values.add(asked.high)}::float8`;
  const within = () => `(${low} >= ${from()} AND ${high} <= ${to()})`;
  switch (asked.prefix) {
    case 'eq':
      return within();
    case 'ne':
      return `NOT ${within()}`;
    case 'gt':
      return `${high} > ${to()}`;
    case 'lt':
      return `${low} < ${from()}`;
    case 'ge':
      return `(${high} > ${to()} OR ${within()})`;
    case 'le':
      return `(${low} < ${from()} OR ${within()})`;
    case 'sa':
      return `${low} >= ${to()}`;
    case 'eb':
      return `${high} <= ${from()}`;
  }
}

/** The same for `_lastUpdated`, an instant that the store keeps in milliseconds. */
export const lastUpdatedSql = (asked: readonly DateValue[], row: string, values: Values): string =>
  anyOf(asked.map((value) => intervalSql(value, `(extract(epoch FROM ${row}.last_updated) * 1000)::float8`, `(extract(epoch FROM ${row}.last_updated) * 1000 + 1)::float8`, values)));
