import { parseDate, type Interval } from './date-interval.js';
import { foldText } from './fold-text.js';
import { DECIMAL, precisionBounds } from './number-bounds.js';
import { splitEscaped, unescapeValue } from './query-escapes.js';
import { isId, parseReference } from './reference.js';

/** R4 §3.1.1.4.5; `ap` is not offered. */
export const PREFIXES = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb'] as const;
export type Prefix = (typeof PREFIXES)[number];

/** `system` absent: any or none; null: none (`|code`). `code` absent: any of the system (`system|`). */
export interface TokenValue {
  readonly code?: string;
  readonly system?: string | null;
}

/** One of these `Type/id`s (several for a bare id), or a URL as it is. */
export interface ReferenceValue {
  readonly anyOf: readonly string[];
}

/** `folded` is compared with an entry's `value`; `exact` with the text as it came. */
export interface StringValue {
  readonly folded: string;
  readonly exact: string;
}

/** What a date asked for covers: [low, high) in epoch milliseconds. */
export interface DateValue extends Interval {
  readonly prefix: Prefix;
}

export interface UriValue {
  readonly uri: string;
}

/** `low` and `high` are what the digits imply; they count for eq and ne, `number` for the other prefixes. */
export interface NumberValue {
  readonly prefix: Prefix;
  readonly number: number;
  readonly low: number;
  readonly high: number;
  /** A quantity's unit; each part as with a token. */
  readonly unit?: TokenValue;
}

const PREFIXED = new RegExp(`^(${PREFIXES.join('|')})?(.*)$`, 's');

const prefixed = (text: string): [Prefix, string] => {
  const [, prefix, rest = ''] = PREFIXED.exec(text) ?? [];
  return [(prefix ?? 'eq') as Prefix, rest];
};

/** `code`, `system|code`, `|code`, `system|`. */
export function readToken(text: string): TokenValue | undefined {
  const parts = splitEscaped(text, '|').map(unescapeValue);
  const [first = '', second] = parts;
  if (second === undefined) return first === '' ? undefined : { code: first };
  if (parts.length > 2 || (first === '' && second === '')) return undefined;
  return { system: first === '' ? null : first, ...(second === '' ? {} : { code: second }) };
}

/**
 * `Type/id`, a bare id, or a URL; one under our own base is the same as `Type/id`.
 * @param targets types it may lead to; a bare id stands for one of any of them
 */
export function readReference(text: string, targets: readonly string[] | undefined, base: string | undefined): ReferenceValue | undefined {
  const plain = unescapeValue(text);
  if (isId(plain)) return targets && targets.length > 0 ? { anyOf: targets.map((type) => `${type}/${plain}`) } : undefined;
  const parsed = parseReference(plain, base);
  if (parsed?.kind === 'local') return targets && !targets.includes(parsed.type) ? undefined : { anyOf: [`${parsed.type}/${parsed.id}`] };
  // A canonical or URN is compared as it is.
  return parsed?.kind === 'absolute' || parsed?.kind === 'urn' ? { anyOf: [plain] } : undefined;
}

export function readString(text: string): StringValue | undefined {
  const exact = unescapeValue(text);
  const folded = foldText(exact);
  return folded === '' ? undefined : { folded, exact };
}

export function readDate(text: string): DateValue | undefined {
  // The + of a zone that was not percent-encoded arrives as a space.
  const [prefix, date] = prefixed(text.replace(/(?<=T.*) (?=\d\d:\d\d$)/, '+'));
  const parsed = parseDate(date);
  return parsed && { prefix, low: parsed.low, high: parsed.high };
}

export const readUri = (text: string): UriValue | undefined => (text === '' ? undefined : { uri: unescapeValue(text) });

export function readNumber(text: string): NumberValue | undefined {
  const [prefix, number] = prefixed(text);
  return DECIMAL.test(number) && Number.isFinite(Number(number)) ? { prefix, number: Number(number), ...precisionBounds(number) } : undefined;
}

/** `5.4`, `5.4|system|code`, `5.4||code`. */
export function readQuantity(text: string): NumberValue | undefined {
  const [number = '', system, code, more] = splitEscaped(text, '|').map(unescapeValue);
  const read = readNumber(number);
  if (!read || system === undefined) return read;
  if (code === undefined || code === '' || more !== undefined) return undefined;
  return { ...read, unit: system === '' ? { code } : { system, code } };
}
