import { parseReference, type Reference, type Resource } from '@baton/fhir';
import type { Violation } from '@baton/kernel';
import { placeOf, type MessageEntries, type MessageEntry } from './message-entries.js';

/** Decides what becomes of the references in a message's resources. */
export interface Surroundings {
  readonly entries: MessageEntries;
  /** fullUrls of entries that become resources of their own. */
  readonly own: ReadonlySet<string>;
  /** fullUrl → the resource of ours with the same identifier. */
  readonly matched: ReadonlyMap<string, string>;
  /** References out of the message that lead to something the sender sees here. */
  readonly seen: ReadonlySet<string>;
}

/** A resource as it can stand by itself. */
export interface Contained {
  readonly resource: Resource;
  /** Entries that are kept inside it. */
  readonly inside: readonly MessageEntry[];
  readonly notes: readonly Violation[];
}

/**
 * An entry as a resource of its own: entries that are neither resources of their own nor known here are put inside it
 * (`contained`) as far as it leads to them, each once. A reference that leads out of the message to nothing here keeps what it
 * said as an identifier.
 */
export function standingAlone(entry: MessageEntry, around: Surroundings): Contained {
  const before = (entry.resource['contained'] ?? []) as Resource[];
  const ids = new Map<string, string>();
  const inside: MessageEntry[] = [];
  const notes: Violation[] = [];
  const taken = new Set(before.map(({ id }) => id));
  const localId = (found: MessageEntry): string => {
    let id = ids.get(found.fullUrl);
    if (id === undefined) {
      id = `${found.resource.resourceType}-${found.place}`;
      while (taken.has(id)) id += '.';
      ids.set(found.fullUrl, id);
      inside.push(found);
    }
    return id;
  };
  const pointed = (of: MessageEntry, prefix: string) => (reference: Reference, at: string): Reference => {
    const text = reference.reference!;
    if (text.startsWith('#')) return prefix === '' || text === '#' ? reference : { ...reference, reference: `#${prefix}${text.slice(1)}` };
    const found = around.entries.find(text);
    if (!found) return outward(reference, `${placeOf(of)}${at}`, around, notes);
    if (found.loosely) notes.push({ rule: 'reference-not-a-full-url', says: 'The reference is not the fullUrl of its entry; it was read as it.', at: [`${placeOf(of)}${at}`], code: 'value' });
    if (around.own.has(found.entry.fullUrl)) return { ...reference, reference: found.entry.fullUrl };
    return { ...reference, reference: around.matched.get(found.entry.fullUrl) ?? `#${localId(found.entry)}` };
  };

  const { contained: _contained, ...content } = withReferences(entry.resource, '', pointed(entry, '')) as Resource;
  const kept: Resource[] = before.map((resource) => withReferences(resource, '', pointed(entry, '')) as Resource);
  // More is found while what was found is looked at.
  for (let i = 0; i < inside.length; i++) {
    const found = inside[i]!;
    const id = ids.get(found.fullUrl)!;
    const { contained = [], ...itself } = withReferences(found.resource, '', pointed(found, `${id}.`)) as Resource & { contained?: Resource[] };
    kept.push(asContained(itself, id), ...contained.map((each) => asContained(each, `${id}.${each.id ?? ''}`)));
  }
  const { resourceType: type, id: _id, ...rest } = content;
  return { resource: { resourceType: type, ...rest, ...(kept.length > 0 ? { contained: kept } : {}) }, inside, notes };
}

/** Entries that a set of entries leads to by references, through others that are not resources of their own. */
export function ledTo(from: readonly MessageEntry[], around: Pick<Surroundings, 'entries' | 'own' | 'matched'>): Set<string> {
  const reached = new Set<string>();
  const queue = [...from];
  for (let entry = queue.pop(); entry; entry = queue.pop()) {
    withReferences(entry.resource, '', (reference) => {
      const found = around.entries.find(reference.reference)?.entry;
      if (found && !around.own.has(found.fullUrl) && !around.matched.has(found.fullUrl) && !reached.has(found.fullUrl)) {
        reached.add(found.fullUrl);
        queue.push(found);
      }
      return reference;
    });
  }
  return reached;
}

/** A version, a time of change belong to no contained resource (R4 dom-4). */
function asContained({ resourceType: type, id: _id, meta, ...content }: Resource, id: string): Resource {
  const { versionId: _version, lastUpdated: _time, ...others } = meta ?? {};
  return { resourceType: type, id, ...(Object.keys(others).length > 0 ? { meta: others } : {}), ...content };
}

function outward(reference: Reference, at: string, { seen }: Surroundings, notes: Violation[]): Reference {
  const { reference: text, ...rest } = reference;
  const parsed = parseReference(text!);
  if (parsed?.kind === 'absolute' || (parsed?.kind === 'local' && seen.has(`${parsed.type}/${parsed.id}`))) return reference;
  notes.push({ rule: 'reference-not-in-message', says: 'The reference leads to nothing in the message and nothing here; what it says was taken as an identifier.', at: [at], code: 'not-found' });
  return { ...rest, ...(parsed?.kind === 'local' && rest.type === undefined ? { type: parsed.type } : {}), identifier: rest.identifier ?? { value: text! } };
}

/** Literal references out of the message, as `Type/id`: what to look up here. */
export function outwardReferences(entries: MessageEntries): string[] {
  const found = new Set<string>();
  for (const entry of entries.all) {
    withReferences(entry.resource, '', (reference) => {
      const parsed = entries.find(reference.reference) ? undefined : parseReference(reference.reference!);
      if (parsed?.kind === 'local') found.add(`${parsed.type}/${parsed.id}`);
      return reference;
    });
  }
  return [...found];
}

/** A copy with other references; `at` is the place, from the resource (`.subject`). */
function withReferences(value: unknown, at: string, map: (reference: Reference, at: string) => Reference): unknown {
  if (Array.isArray(value)) return value.map((item, i) => withReferences(item, `${at}[${i}]`, map));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withReferences(child, `${at}.${key}`, map)]));
  return typeof copy['reference'] === 'string' ? map(copy, at) : copy;
}
