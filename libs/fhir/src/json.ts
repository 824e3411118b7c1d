import { refuse } from '@baton/kernel';
import { findInText } from './json-place.js';

export interface JsonLimits {
  /** Levels of objects and arrays that may be nested in one another. */
  readonly maxDepth: number;
}

const LIMITS: JsonLimits = { maxDepth: 64 };

/** Keys that could reach an object's prototype when code copies or merges; FHIR has no element of these names. */
const isPrototypeKey = (key: string): boolean => key === '__proto__' || key === 'constructor' || key === 'prototype';

/** An escape of half a character; whether the other half is there is looked at only if one occurs. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/** What is wrong with a value, found by the walk; the place is its path of keys. */
interface Fault {
  readonly rule: string;
  readonly says: string;
}

const TOO_DEEP = (max: number): Fault => ({ rule: 'json-too-deep', says: `Objects and arrays may be nested at most ${max} levels deep.` });
const BEYOND_RANGE: Fault = { rule: 'number-beyond-range', says: 'This number is beyond the range of a decimal.' };
const PROTOTYPE: Fault = { rule: 'forbidden-key', says: 'A key of this name is not accepted.' };
const HALF_A_CHARACTER: Fault = { rule: 'lone-surrogate', says: 'This text holds half of a Unicode character.' };
const DUPLICATE: Fault = { rule: 'duplicate-key', says: 'The same key stands twice in one object.' };

/** An escaped colon: the count of colons says nothing then. */
const COLON_ESCAPE = /\\u003[aA]/;

/**
 * One walk over a parsed value: counts its members and the colons in its texts, and stops at the first fault, leaving the way
 * to it in `path`, innermost first.
 */
class Walk {
  colons = 0;
  fault: Fault | undefined;
  readonly path: (string | number)[] = [];

  constructor(
    private readonly maxDepth: number,
    private readonly checkText: boolean,
  ) {}

  visit(value: unknown, depth: number): boolean {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') return Number.isFinite(value) || this.stop(BEYOND_RANGE);
    if (typeof value !== 'object' || value === null) return true;
    if (depth >= this.maxDepth) return this.stop(TOO_DEEP(this.maxDepth));
    return Array.isArray(value) ? this.items(value, depth + 1) : this.members(value as Record<string, unknown>, depth + 1);
  }

  private text(value: string): boolean {
    if (value.includes(':')) this.colons += colons(value);
    return !this.checkText || value.isWellFormed() || this.stop(HALF_A_CHARACTER);
  }

  private items(array: readonly unknown[], depth: number): boolean {
    for (let i = 0; i < array.length; i++) {
      if (!this.visit(array[i], depth)) return this.back(i);
    }
    return true;
  }

  private members(object: Record<string, unknown>, depth: number): boolean {
    for (const key in object) {
      this.colons++;
      if (isPrototypeKey(key)) return this.stop(PROTOTYPE);
      if (this.checkText && !key.isWellFormed()) return this.stop(HALF_A_CHARACTER);
      if (!this.visit(object[key], depth)) return this.back(key);
    }
    return true;
  }

  private stop(fault: Fault): false {
    this.fault = fault;
    return false;
  }

  private back(step: string | number): false {
    this.path.push(step);
    return false;
  }
}

/** How many colons a text has. */
function colons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) count++;
  return count;
}

/** A step as FHIRPath writes it. Keys that do not look like element names are left out: they could hold anything. */
const step = (part: string | number): string => (typeof part === 'number' ? `[${part}]` : /^_?[A-Za-z][A-Za-z0-9]{0,63}$/.test(part) ? `.${part}` : '.?');

function placeOf(root: unknown, path: readonly (string | number)[]): string {
  const type = typeof root === 'object' && root !== null ? (root as Record<string, unknown>)['resourceType'] : undefined;
  const start = typeof type === 'string' && /^[A-Z][A-Za-z]{1,63}$/.test(type) ? type : '$';
  return start + path.map(step).join('');
}

/**
 * JSON.parse for what partners send: refuses what JSON.parse lets through and what software reads differently. RFC 8259 §4
 * leaves duplicate keys to the reader, so two readers may see two resources in one text.
 *
 * Duplicates are found by counting: every colon of the text separates a member or stands in a text, and a parsed value that has
 * fewer lost some to a duplicate. Colons in keys and escaped colons only make the counts differ without cause, never agree; where they
 * differ, the text is read again key by key, which settles it and names the place.
 *
 * Decimals become doubles: `1.00` is read as `1`, and more than 17 digits are rounded.
 *
 * @throws Refused `malformed`: not JSON, duplicate key, deeper than `maxDepth`, `__proto__` and its like as key, half a surrogate pair,
 *   a number that is no double. `at` names the place.
 */
export function parseStrict(text: string, limits: JsonLimits = LIMITS): unknown {
  const value = parseAny(text);
  const walk = new Walk(limits.maxDepth, !text.isWellFormed() || SURROGATE_ESCAPE.test(text));
  if (!walk.visit(value, 0)) throw refusal(walk.fault!, placeOf(value, walk.path.reverse()));
  if (walk.colons !== colons(text) || COLON_ESCAPE.test(text)) {
    const found = findInText(text, limits.maxDepth);
    if (found.kind !== 'none') throw refusal(found.kind === 'too-deep' ? TOO_DEEP(limits.maxDepth) : DUPLICATE, placeOf(value, found.path));
  }
  return value;
}

const refusal = (fault: Fault, at: string) => refuse('malformed', fault.rule, fault.says, { at: [at], code: 'invalid' });

/** The engine's message quotes the text, which may be personal: only the position in it is passed on. */
function parseAny(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const [, position] = /at position (\d+)/.exec(error instanceof Error ? error.message : '') ?? [];
    const where = position === undefined ? '' : ` Reading stopped at character ${position}.`;
    throw refuse('malformed', 'not-json', `The body is not valid JSON.${where}`, { code: 'invalid' });
  }
}
