import type { Chain, Criterion } from './search-query.js';
import { implicitSystemOf } from './implicit-system.js';
import { splitEscaped } from './query-escapes.js';
import { readDate, readNumber, readQuantity, readReference, readString, readToken, readUri, type TokenValue } from './query-value.js';
import { searchParametersOf, type SearchParameter } from './search-parameters.js';
import { isOwnedType } from './types.js';

export const MOST_VALUES = 200;

/** Why a parameter is no criterion; `unknown` may be ignored, `malformed` may not. */
export type Fault = { readonly fault: 'unknown' | 'malformed' | 'too-wide'; readonly says: string };

interface Asked {
  readonly type: string;
  /** As in the query, e.g. `subject:Patient.identifier`. */
  readonly name: string;
  readonly value: string;
  /** Our own base URL, without slash at the end. */
  readonly base: string | undefined;
}

const NAME = /^([A-Za-z_][\w-]*)(?::([A-Za-z-]+))?(?:\.(.+))?$/;

/** Reads one search parameter of a type; `_id` and `_lastUpdated` are not among them. */
export function readCriterion(asked: Asked, chained = false): Criterion | Fault {
  const [, code = '', modifier, rest] = NAME.exec(asked.name) ?? [];
  const parameter = code.startsWith('_') ? undefined : searchParametersOf(asked.type).get(code);
  if (!parameter || (chained && rest !== undefined)) return unknown(asked);
  const base = { name: asked.name, param: parameter.aliasOf ?? code, ...(parameter.aliasOf === undefined ? {} : { target: targetOf(parameter) }) };
  if (rest !== undefined) return readChain(asked, parameter, base, modifier, rest);
  if (modifier === 'missing') return readMissing(asked, parameter, base);
  const values = splitEscaped(asked.value, ',');
  if (values.length > MOST_VALUES) return { fault: 'too-wide', says: `${asked.name} takes at most ${MOST_VALUES} values.` };
  return readValues(asked, parameter, base, modifier, values);
}

type Base = Pick<Criterion, 'name' | 'param' | 'target'>;

const unknown = ({ name, type }: Asked): Fault => ({ fault: 'unknown', says: `${name.slice(0, 64)} is no search parameter of ${type} here.` });
const malformed = (says: string): Fault => ({ fault: 'malformed', says });

/** An alias leads to one type. */
const targetOf = (parameter: SearchParameter): string => parameter.target?.[0] ?? 'Patient';

/** Types a reference may lead to, as far as they can be here; all official ones where none can. */
function targetsOf(parameter: SearchParameter): readonly string[] | undefined {
  const here = parameter.target?.filter(isOwnedType);
  return here && here.length > 0 ? here : parameter.target;
}

function readMissing({ name, value }: Asked, parameter: SearchParameter, base: Base): Criterion | Fault {
  if (value !== 'true' && value !== 'false') return malformed(`${name} takes true or false.`);
  return { ...base, kind: parameter.type, missing: value === 'true', values: [] };
}

function readValues(asked: Asked, parameter: SearchParameter, base: Base, modifier: string | undefined, values: readonly string[]): Criterion | Fault {
  const read = <V>(reader: (text: string) => V | undefined, use: (values: V[]) => Criterion): Criterion | Fault => {
    const found = values.map(reader);
    const good = found.filter((value) => value !== undefined);
    return good.length === found.length ? use(good) : malformed(`A value of ${asked.name} cannot be read as ${parameter.type}.`);
  };
  const { type: kind } = parameter;
  if (kind === 'reference') {
    if (modifier === 'identifier') return read(readToken, (tokens) => ({ name: base.name, param: `${base.param}:identifier`, kind: 'token', values: tokens }));
    const targets = modifier === undefined ? targetsOf(parameter) : narrowed(parameter, modifier);
    if (targets === undefined && modifier !== undefined) return noModifier(asked, modifier);
    // The types a literal may name are all official ones; a bare id stands for those that can be here.
    return read((text) => readReference(text, targets, asked.base) ?? (modifier === undefined ? readReference(text, parameter.target, asked.base) : undefined), (references) => ({ ...base, kind, values: references }));
  }
  if (kind === 'token' && (modifier === undefined || modifier === 'not')) {
    const system = implicitSystemOf(asked.type, parameter);
    return read(readToken, (tokens) => ({ ...base, kind, ...(modifier ? { modifier } : {}), values: tokens.map((token) => withoutImplicit(token, system)) }));
  }
  if (kind === 'string' && (modifier === undefined || modifier === 'exact' || modifier === 'contains')) {
    return read(readString, (strings) => ({ ...base, kind, ...(modifier ? { modifier } : {}), values: strings }));
  }
  if (modifier !== undefined) return noModifier(asked, modifier);
  switch (kind) {
    case 'date':
      return read(readDate, (dates) => ({ ...base, kind, values: dates }));
    case 'uri':
      return read(readUri, (uris) => ({ ...base, kind, values: uris }));
    case 'number':
      return read(readNumber, (numbers) => ({ ...base, kind, values: numbers }));
    case 'quantity':
      return read(readQuantity, (numbers) => ({ ...base, kind, values: numbers }));
    default:
      return unknown(asked);
  }
}

const noModifier = ({ name }: Asked, modifier: string): Fault => malformed(`${name.slice(0, 64)}: the modifier ${modifier.slice(0, 32)} is not offered for this parameter.`);

const narrowed = (parameter: SearchParameter, type: string): readonly string[] | undefined => (parameter.target && !parameter.target.includes(type) ? undefined : /^[A-Z]/.test(type) ? [type] : undefined);

/** A `code` element is indexed without the system its binding implies: naming that system, or none, asks for the same. */
function withoutImplicit(token: TokenValue, system: string | undefined): TokenValue {
  return system !== undefined && token.code !== undefined && (token.system === system || token.system === null) ? { code: token.code } : token;
}

function readChain(asked: Asked, parameter: SearchParameter, base: Base, modifier: string | undefined, rest: string): Criterion | Fault {
  const targets = modifier === undefined ? targetsOf(parameter) : narrowed(parameter, modifier);
  if (parameter.type !== 'reference') return unknown(asked);
  if (!targets) return modifier === undefined ? malformed(`${asked.name.slice(0, 64)} has to name the type it leads to.`) : noModifier(asked, modifier);
  const chain: Chain[] = [];
  let fault: Fault = unknown(asked);
  for (const type of targets) {
    const criterion = readCriterion({ ...asked, type, name: rest }, true);
    if (!('fault' in criterion)) chain.push({ type, criterion });
    else if (criterion.fault !== 'unknown') fault = { ...criterion, says: `${asked.name}: ${criterion.says}` };
  }
  return chain.length > 0 ? { ...base, kind: 'reference', chain, values: [] } : fault;
}
