import { refuse, refuseIfAny, type Violation } from '@baton/kernel';
import { readEntry, type EntryRequest } from './entry-request.js';
import { formatReference, parseReference } from './reference.js';
import type { Resource } from './types.js';
import { walkReferences, type FoundReference } from './walk-references.js';

/** More entries than this are not taken in one Bundle. */
const AT_MOST = 500;

/**
 * The entries of a batch or transaction Bundle, as they came.
 * @throws Refused `malformed` if it is another Bundle or none, `too-large` beyond 500 entries
 */
export function entriesOf(bundle: Resource): readonly unknown[] {
  if (bundle.resourceType !== 'Bundle' || (bundle['type'] !== 'transaction' && bundle['type'] !== 'batch')) {
    throw refuse('malformed', 'bundle-type', 'Only Bundles of type transaction or batch are carried out here.', { at: ['Bundle.type'], code: 'value' });
  }
  const entries = bundle['entry'] ?? [];
  if (!Array.isArray(entries)) throw refuse('malformed', 'wrong-type', 'entry is a list.', { at: ['Bundle.entry'], code: 'structure' });
  if (entries.length > AT_MOST) throw refuse('too-large', 'bundle-too-large', `A Bundle has at most ${AT_MOST} entries.`, { at: ['Bundle.entry'] });
  return entries;
}

/**
 * Reads a transaction: every entry by itself ({@link readEntry}), and together: no `fullUrl` twice, and no resource written twice
 * (R4 §3.1.0.11.2: a transaction whose identities overlap fails).
 *
 * @returns requests in the order of the Bundle
 * @throws Refused `malformed` with everything that is wrong, as {@link entriesOf} besides
 */
export function readTransaction(bundle: Resource, base?: string): EntryRequest[] {
  const read = entriesOf(bundle).map((entry, place) => readEntry(entry, place, base));
  const requests = read.filter((entry): entry is EntryRequest => !Array.isArray(entry));
  const urls = requests.flatMap(({ place, fullUrl }) => (fullUrl === undefined ? [] : [[fullUrl, `Bundle.entry[${place}].fullUrl`] as const]));
  refuseIfAny('malformed', [
    ...read.flatMap((entry) => (Array.isArray(entry) ? entry : [])),
    ...twice(urls, 'full-url-twice', 'No fullUrl stands twice in a transaction.'),
    ...writtenTwice(requests),
  ]);
  return requests;
}

/** Resources that more than one entry writes: asked once as they came, and again when conditions have led somewhere. */
export function writtenTwice(requests: readonly EntryRequest[]): Violation[] {
  const written = requests.flatMap(({ place, method, type, id }) => (id === undefined || method === 'GET' || method === 'HEAD' ? [] : [[`${type}/${id}`, `Bundle.entry[${place}].request.url`] as const]));
  return twice(written, 'written-twice', 'A transaction writes no resource twice.');
}

function twice(named: readonly (readonly [string, string])[], rule: string, says: string): Violation[] {
  const seen = new Set<string>();
  return named.flatMap(([name, at]) => (seen.size === seen.add(name).size ? [{ rule, says, at: [at], code: 'invariant' }] : []));
}

/** Conditional references (`Patient?identifier=…`) of a transaction, each once: the caller looks them up, as what it may see. */
export function conditionalReferences(requests: readonly EntryRequest[]): string[] {
  const found = new Set<string>();
  for (const { resource } of requests) {
    if (resource) walkReferences(resource, ({ reference }) => parseReference(reference)?.kind === 'conditional' && found.add(reference));
  }
  return [...found];
}

/**
 * Puts the ids that were assigned in place of what entries call one another, in the resources themselves.
 *
 * A relative reference in an entry whose `fullUrl` is a RESTful URL is read under that URL's root first (R4 §2.36.4.1). Only References are
 * rewritten, not links in narrative or attachments.
 *
 * @param assigned `Type/id` for every fullUrl of the Bundle and every conditional reference
 * @returns violations: a urn or condition that nothing was assigned for, named by place
 */
export function resolveReferences(requests: readonly EntryRequest[], assigned: ReadonlyMap<string, string>): Violation[] {
  const violations: Violation[] = [];
  for (const { resource, fullUrl, place } of requests) {
    if (!resource) continue;
    const root = rootOf(fullUrl);
    walkReferences(resource, (found) => {
      const known = assigned.get(found.reference) ?? (root === undefined ? undefined : assigned.get(`${root}/${found.reference}`));
      if (known !== undefined) found.replace(known);
      else if (isOpen(found)) violations.push({ rule: 'reference-unresolved', says: 'This reference leads to no entry of the Bundle and nothing that matches.', at: [`Bundle.entry[${place}].resource${found.at.slice(resource.resourceType.length)}`], code: 'not-found' });
    });
  }
  return violations;
}

function isOpen({ reference }: FoundReference): boolean {
  const kind = parseReference(reference)?.kind;
  return kind === 'urn' || kind === 'conditional';
}

/** `https://host/fhir` of `https://host/fhir/Patient/1`. */
function rootOf(fullUrl: string | undefined): string | undefined {
  const parsed = fullUrl === undefined ? undefined : parseReference(fullUrl);
  if (fullUrl === undefined || parsed?.kind !== 'absolute' || parsed.type === undefined || parsed.id === undefined) return undefined;
  const { type, id, version } = parsed;
  return fullUrl.slice(0, -formatReference({ kind: 'local', type, id, ...(version === undefined ? {} : { version }) }).length - 1);
}
