import { refuse, type Refused } from '@baton/kernel';
import { applyPatch as applyOperations, type Operation } from 'rfc6902';
import { isWithinDepth, jsonEqual } from './json-value.js';
import { readPatch, tokensOf } from './patch-document.js';
import type { Resource } from './types.js';

/** What copies may add to a resource in all, in characters: as much as a body may have. Without it thirty copies make a gigabyte. */
const MAX_COPIED = 1_048_576;

/** As deep as a body may be. */
const MAX_DEPTH = 64;

/** Elements that say which resource this is. */
const FIXED: ReadonlySet<string> = new Set(['resourceType', 'id']);

/**
 * Applies a JSON Patch (RFC 6902) to a resource: all of it or nothing.
 *
 * The result has the same type and id, and is otherwise not looked at: validate it. An array that loses its last item stays
 * as an empty array, which FHIR does not allow; the patch should remove the element instead.
 *
 * @param resource is not changed
 * @param operations parsed JSON of the body
 * @throws Refused `malformed` if it is no JSON Patch; `rule-broken` if an operation does not apply: a test fails
 *   (`patch-test-failed`), a path leads nowhere (`patch-path-missing`), it would write type or id (`patch-fixed-element`);
 *   `too-large` if it copies more than a body may hold. `at` names the place.
 */
export function applyPatch(resource: Resource, operations: unknown): Resource {
  const patched = structuredClone(resource);
  let copied = 0;
  readPatch(operations).forEach((operation, i) => {
    const written = check(patched, operation, i + 1);
    if (operation.op === 'copy') copied += JSON.stringify(written).length;
    if (copied > MAX_COPIED) throw refuse('too-large', 'patch-copies-too-much', `The patch copies more than ${MAX_COPIED} characters.`);
    // The library compares by making a patch between the two: quadratic, and too deep for the stack with long lists.
    if (operation.op === 'test') return;
    const [fault] = applyOperations(patched, [operation]);
    if (fault) throw doesNotApply(patched, operation, i + 1);
  });
  if (!isWithinDepth(patched, MAX_DEPTH)) throw refuse('malformed', 'json-too-deep', `Objects and arrays may be nested at most ${MAX_DEPTH} levels deep.`);
  return patched;
}

/**
 * Refuses what the library would follow or leave out: inherited members, characters of texts, signs and letters as index,
 * and places that are fixed.
 *
 * @returns for `copy` and `move` the value at `from`
 */
function check(resource: Resource, operation: Operation, number: number): unknown {
  const from = 'from' in operation ? operation.from : undefined;
  if (operation.op === 'test') {
    const present = find(resource, tokensOf(operation.path));
    if (present === undefined || !jsonEqual(present, operation.value)) throw testFailed(resource, operation, number);
    return undefined;
  }
  refuseFixed(resource, operation.path, number);
  if (operation.op === 'move') refuseFixed(resource, operation.from, number);
  const source = from === undefined ? undefined : find(resource, tokensOf(from));
  if (from !== undefined && source === undefined) throw doesNotApply(resource, { op: 'remove', path: from }, number);
  const tokens = tokensOf(operation.path);
  const inserts = operation.op === 'add' || operation.op === 'move' || operation.op === 'copy';
  const found = inserts ? takes(find(resource, tokens.slice(0, -1)), tokens.at(-1)) : find(resource, tokens) !== undefined;
  if (!found) throw doesNotApply(resource, operation, number);
  return source;
}

function refuseFixed(resource: Resource, pointer: string, number: number): void {
  const [first, ...rest] = tokensOf(pointer);
  if (first !== undefined && !(FIXED.has(first) && rest.length === 0)) return;
  throw refuse('rule-broken', 'patch-fixed-element', `Operation ${number} would change which resource this is.`, { at: [placeOf(resource, pointer)] });
}

/** The value a pointer leads to, through own members and existing items only. */
function find(root: unknown, tokens: readonly string[]): unknown {
  let value = root;
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token) || (Array.isArray(value) && !isIndex(token))) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}

/** RFC 6901 §4: digits without leading zeros. */
const isIndex = (token: string): boolean => /^(?:0|[1-9][0-9]{0,9})$/.test(token);

/** Whether a value can be put into this parent under this token. */
function takes(parent: unknown, token: string | undefined): boolean {
  if (typeof parent !== 'object' || parent === null || token === undefined) return false;
  return !Array.isArray(parent) || token === '-' || (isIndex(token) && Number(token) <= parent.length);
}

const testFailed = (resource: Resource, operation: Operation, number: number): Refused =>
  refuse('rule-broken', 'patch-test-failed', `Operation ${number} tests for a value that is not there.`, { at: [placeOf(resource, operation.path)] });

const doesNotApply = (resource: Resource, operation: Operation, number: number): Refused =>
  refuse('rule-broken', 'patch-path-missing', `Operation ${number} names a place that is not there.`, { at: [placeOf(resource, operation.path)] });

/** A pointer as FHIRPath, as far as its tokens are names of elements and indices: others could hold anything. */
function placeOf(resource: Resource, pointer: string): string {
  const steps = tokensOf(pointer).map((token) => (isIndex(token) ? `[${token}]` : /^_?[a-z][A-Za-z0-9]{0,63}$/.test(token) ? `.${token}` : undefined));
  const known = steps.includes(undefined) ? steps.slice(0, steps.indexOf(undefined)) : steps;
  return resource.resourceType + known.join('');
}
