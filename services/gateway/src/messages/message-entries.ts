import { isResource, parseReference, type Resource } from '@baton/fhir';
import { refuse, refuseIfAny, type Violation } from '@baton/kernel';

/** One entry of a message. */
export interface MessageEntry {
  /** Position in the Bundle, from 0. */
  readonly place: number;
  readonly fullUrl: string;
  readonly resource: Resource;
}

/** How a reference inside a message was found. */
export interface Found {
  readonly entry: MessageEntry;
  /** It was not written as the entry's `fullUrl`. */
  readonly loosely: boolean;
}

/** More entries than this are not taken in one message. */
const AT_MOST = 500;

/** The entries of a message, and how they refer to one another. */
export class MessageEntries {
  private readonly byUrl: ReadonlyMap<string, MessageEntry>;

  private constructor(readonly all: readonly MessageEntry[]) {
    this.byUrl = new Map(all.map((entry) => [entry.fullUrl, entry]));
  }

  /**
   * @param bundle structurally valid
   * @throws Refused `malformed` where an entry lacks what makes it one, `too-large` beyond 500 entries
   */
  static of(bundle: Resource): MessageEntries {
    const entries = (bundle['entry'] ?? []) as { fullUrl?: string; resource?: unknown }[];
    if (entries.length > AT_MOST) throw refuse('too-large', 'message-too-large', `A message has at most ${AT_MOST} entries.`, { at: ['Bundle.entry'] });
    const violations: Violation[] = [];
    const seen = new Set<string>();
    const read = entries.flatMap(({ fullUrl, resource }, place): MessageEntry[] => {
      const at = `Bundle.entry[${place}]`;
      if (fullUrl === undefined) violations.push({ rule: 'full-url-missing', says: 'Every entry of a message has a fullUrl.', at: [`${at}.fullUrl`], code: 'required' });
      else if (seen.size === seen.add(fullUrl).size) violations.push({ rule: 'full-url-twice', says: 'No fullUrl stands twice in a message.', at: [`${at}.fullUrl`], code: 'invariant' });
      if (!isResource(resource)) violations.push({ rule: 'entry-without-resource', says: 'Every entry of a message has a resource.', at: [`${at}.resource`], code: 'required' });
      return fullUrl === undefined || !isResource(resource) ? [] : [{ place, fullUrl, resource }];
    });
    refuseIfAny('malformed', violations);
    return new MessageEntries(read);
  }

  /**
   * The entry that a reference leads to. Besides its `fullUrl` an entry is found by what senders write instead: the UUID without
   * `urn:uuid:`, and `Type/id`.
   */
  find(reference: string | undefined): Found | undefined {
    if (reference === undefined) return undefined;
    const exact = this.byUrl.get(reference);
    if (exact) return { entry: exact, loosely: false };
    const parsed = parseReference(reference);
    const id = parsed?.kind === 'local' ? parsed.id : reference;
    const type = parsed?.kind === 'local' ? parsed.type : undefined;
    const entry = this.byUrl.get(`urn:uuid:${id}`) ?? this.all.find((each) => type !== undefined && each.resource.id === id && each.resource.resourceType === type);
    return entry && (type === undefined || entry.resource.resourceType === type) ? { entry, loosely: true } : undefined;
  }
}

/** Where an entry's resource stands in the message. */
export const placeOf = ({ place }: MessageEntry): string => `Bundle.entry[${place}].resource`;

/** The same violations, at their places in the message: rules name places from the resource they look at. */
export const inMessage = (violations: readonly Violation[], entries: readonly MessageEntry[]): Violation[] =>
  violations.map((violation) => ({ ...violation, ...(violation.at ? { at: violation.at.map((at) => atIn(at, entries)) } : {}) }));

function atIn(at: string, entries: readonly MessageEntry[]): string {
  const entry = entries.find(({ resource: { resourceType: type } }) => at === type || at.startsWith(`${type}.`));
  return entry ? `${placeOf(entry)}${at.slice(entry.resource.resourceType.length)}` : at;
}
