import { dateInterval, periodInterval, type Interval } from './date-interval.js';
import { foldText } from './fold-text.js';
import { precisionBounds } from './number-bounds.js';
import { parseReference } from './reference.js';
import type { ValueKind } from './compiled-path.js';
import type { SearchParameterKind } from './official-search-parameter.js';

/** An index entry without its parameter; `identifier` marks the second entry of a reference. */
export interface IndexValue {
  readonly value: string;
  readonly system?: string;
  readonly low?: number;
  readonly high?: number;
  readonly identifier?: true;
}

type Node = Readonly<Record<string, unknown>>;
type Read = (value: unknown, kind: ValueKind, put: (entry: IndexValue) => void) => void;

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : value === undefined || value === null ? [] : [value]);
const withSystem = (value: string, system: unknown): IndexValue => (typeof system === 'string' ? { value, system } : { value });

const token: Read = (value, kind, put) => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    if (value !== '') put({ value: String(value) });
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const node = value as Node;
  if (kind.type === 'CodeableConcept') for (const coding of list(node['coding'])) token(coding, CODING, put);
  else {
    const code = text(node[kind.type === 'Coding' ? 'code' : 'value']);
    // The system of a ContactPoint is `phone` or `email`, no namespace; its parameters say so in their names.
    if (code !== undefined) put(kind.type === 'ContactPoint' ? { value: code } : withSystem(code, node['system']));
  }
};
const CODING: ValueKind = { type: 'Coding' };

const reference: Read = (value, _kind, put) => {
  if (typeof value === 'string') return put({ value });
  const node = value as Node;
  const literal = text(node['reference']);
  const parsed = literal === undefined ? undefined : parseReference(literal);
  // A contained resource is no target of its own; which version is meant makes no difference to whom it leads to.
  if (parsed?.kind === 'local') put({ value: `${parsed.type}/${parsed.id}` });
  else if (literal !== undefined && parsed?.kind !== 'contained') put({ value: literal });
  const identifier = node['identifier'] as Node | undefined;
  const identified = text(identifier?.['value']);
  if (identified !== undefined) put({ ...withSystem(identified, identifier?.['system']), identifier: true });
};

const NAME_PARTS = ['text', 'family', 'given', 'prefix', 'suffix'];
const ADDRESS_PARTS = ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'];

const string: Read = (value, kind, put) => {
  const words = typeof value === 'string' ? [value] : (kind.type === 'HumanName' ? NAME_PARTS : kind.type === 'Address' ? ADDRESS_PARTS : []).flatMap((part) => list((value as Node)[part]));
  for (const word of words) {
    if (typeof word !== 'string') continue;
    const folded = foldText(word);
    if (folded !== '') put(folded === word ? { value: folded } : { value: folded, system: word });
  }
};

/** 0001-01-01: no FHIR date is earlier, so an interval without beginning begins there. */
const FIRST_INSTANT = -62_135_596_800_000;

const date: Read = (value, kind, put) => {
  const interval = typeof value === 'string' ? dateInterval(value) : intervalOf(value as Node, kind);
  if (!interval) return;
  const low = Math.max(interval.low, FIRST_INSTANT);
  put({ value: new Date(low).toISOString(), low, ...(interval.high === Infinity ? {} : { high: interval.high }) });
};

/** Of a Timing the outer limits: from its first event to its last, and its bounds. */
function intervalOf(node: Node, kind: ValueKind): Interval | undefined {
  if (kind.type === 'Period') return periodInterval(node);
  if (kind.type !== 'Timing') return undefined;
  const bounds = (node['repeat'] as Node | undefined)?.['boundsPeriod'] as Node | undefined;
  const parts = list(node['event']).map((event) => (typeof event === 'string' ? dateInterval(event) : undefined));
  const found = [...parts, bounds && periodInterval(bounds)].filter((interval) => interval !== undefined);
  return found.length === 0 ? undefined : { low: Math.min(...found.map(({ low }) => low)), high: Math.max(...found.map(({ high }) => high)) };
}

const uri: Read = (value, _kind, put) => {
  if (typeof value === 'string' && value !== '') put({ value });
};

const quantity: Read = (value, kind, put) => {
  if (typeof value === 'number') return put({ value: String(value), ...precisionBounds(String(value)) });
  const node = value as Node;
  if (kind.type === 'Range') return range(node, put);
  if (typeof node['value'] !== 'number') return;
  const number = String(node['value']);
  put({ ...withSystem(number, unitOf(node)), ...precisionBounds(number) });
};

/** A Range is found by any number inside it; its value is its lower end. */
function range(node: Node, put: (entry: IndexValue) => void): void {
  const [low, high] = [node['low'] as Node | undefined, node['high'] as Node | undefined];
  const [from, to] = [low?.['value'], high?.['value']];
  const some = typeof from === 'number' ? from : to;
  if (typeof some !== 'number') return;
  put({
    ...withSystem(String(some), unitOf(low ?? high ?? {})),
    ...(typeof from === 'number' ? { low: precisionBounds(String(from)).low } : {}),
    ...(typeof to === 'number' ? { high: precisionBounds(String(to)).high } : {}),
  });
}

const unitOf = (node: Node): string | undefined => {
  const code = text(node['code']) ?? text(node['unit']);
  return code === undefined ? undefined : `${text(node['system']) ?? ''}|${code}`;
};

/** How the values of each kind of parameter are read. */
export const READERS: Readonly<Record<SearchParameterKind, Read>> = { token, reference, string, date, uri, number: quantity, quantity };
