import { refuse } from '@baton/kernel';
import type { Operation } from 'rfc6902';

/** More operations than any change of one resource needs. */
const MAX_OPERATIONS = 1_000;

const NEEDS: Readonly<Record<string, 'value' | 'from' | 'nothing'>> = {
  add: 'value',
  replace: 'value',
  test: 'value',
  move: 'from',
  copy: 'from',
  remove: 'nothing',
};

/** As deep as a body may be: no place in one has a longer way. */
const MAX_TOKENS = 64;

/** RFC 6901: empty, or tokens that each follow a slash, in which `~` only begins `~0` or `~1`. */
const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/u;
const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** The tokens of a JSON Pointer, unescaped: `/note/0/text` → `['note', '0', 'text']`. */
export const tokensOf = (pointer: string): string[] => pointer.split('/').slice(1).map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

const notAPatch = (says: string) => refuse('malformed', 'not-a-patch', says, { code: 'invalid' });

/**
 * Reads a JSON Patch document (RFC 6902 §3-4) and says whether it is one, before anything is applied.
 *
 * @param document parsed JSON
 * @returns its operations, with no member besides those the RFC gives a meaning
 * @throws Refused `malformed`, naming the operation by number
 */
export function readPatch(document: unknown): Operation[] {
  if (!Array.isArray(document)) throw notAPatch('A JSON Patch is an array of operations.');
  if (document.length > MAX_OPERATIONS) throw notAPatch(`A JSON Patch may have at most ${MAX_OPERATIONS} operations.`);
  return document.map((operation: unknown, i) => readOperation(operation, `Operation ${i + 1}`));
}

function readOperation(operation: unknown, which: string): Operation {
  if (typeof operation !== 'object' || operation === null) throw notAPatch(`${which} is not an object.`);
  const own = new Map(Object.entries(operation));
  const op: unknown = own.get('op');
  if (typeof op !== 'string' || !Object.hasOwn(NEEDS, op)) throw notAPatch(`${which}: "op" must be one of ${Object.keys(NEEDS).join(', ')}.`);
  const path = readPointer(own.get('path'), which, 'path');
  const needs = NEEDS[op];
  if (needs === 'from') return { op, path, from: readPointer(own.get('from'), which, 'from') } as Operation;
  if (needs === 'nothing') return { op, path } as Operation;
  if (!own.has('value')) throw notAPatch(`${which}: "value" is missing.`);
  const value: unknown = own.get('value');
  if (reachesForPrototype(value)) throw notAPatch(`${which}: its value has a key that is not accepted.`);
  return { op, path, value } as Operation;
}

function readPointer(pointer: unknown, which: string, member: 'path' | 'from'): string {
  if (typeof pointer !== 'string' || !POINTER.test(pointer)) throw notAPatch(`${which}: "${member}" must be a JSON Pointer.`);
  const tokens = tokensOf(pointer);
  if (tokens.length > MAX_TOKENS) throw notAPatch(`${which}: "${member}" leads more than ${MAX_TOKENS} levels deep.`);
  if (tokens.some((token) => PROTOTYPE_KEYS.has(token))) throw notAPatch(`${which}: "${member}" names a key that is not accepted.`);
  return pointer;
}

/** Bodies read strictly hold no such key; a patch may also come from elsewhere. */
const reachesForPrototype = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.entries(value).some(([key, child]) => PROTOTYPE_KEYS.has(key) || reachesForPrototype(child));
