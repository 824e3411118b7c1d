import { referencesOf, type Reference, type Resource, type ServiceRequest } from '@baton/fhir';
import { refuse, type Violation } from '@baton/kernel';
import { ledTo, standingAlone, type Surroundings } from './containment.js';
import type { Message } from './message.js';
import { placeOf, type MessageEntry } from './message-entries.js';
import { endpointOf } from './service-identifier.js';

/** What is known of what a message names: looked up before it is mapped. */
export type Known = Pick<Surroundings, 'matched' | 'seen'>;

/** A resource to be created, and the entry it came as. */
export interface MappedEntry {
  readonly entry: MessageEntry;
  readonly resource: Resource;
}

export interface Mapped {
  /** The ServiceRequest first, then the young person. References among them are the `fullUrl`s of the message. */
  readonly entries: readonly MappedEntry[];
  /** What was read loosely, kept elsewhere or not at all. */
  readonly named: readonly Violation[];
}

/** Where a type says whom it is about: it becomes a resource of its own if that is the young person of the message. */
const ABOUT: Readonly<Record<string, string>> = { Encounter: 'subject', CarePlan: 'subject', Flag: 'subject', Observation: 'subject', RelatedPerson: 'patient', Consent: 'patient' };

/** Tells nothing of the case by itself: kept inside what names it, and not without that. */
const ADMINISTRATIVE = new Set(['MessageHeader', 'Organization', 'HealthcareService', 'Location', 'Practitioner', 'PractitionerRole', 'Endpoint', 'Device']);

/** Goes with the young person, or says itself what it is for. */
const NOT_SUPPORTING = new Set(['Patient', 'RelatedPerson', 'Consent', 'Encounter', 'ServiceRequest']);

const note = (rule: string, says: string, at: string): Violation => ({ rule, says, at: [at], code: 'informational' });

/**
 * A referral message as resources of our own (README: what becomes of each type). The ServiceRequest, the young person and what is
 * about them become resources that the sender owns; what is known here by its identifier is referred to; everything else is
 * kept inside what names it, or inside the ServiceRequest if it tells of the case. What is kept nowhere is named.
 *
 * @throws Refused `rule-broken` where the message is about nobody in it, or about several people
 */
export function mapReferral(message: Message, known: Known): Mapped {
  const { entries, focus } = message;
  const patient = patientOf(message);
  requireConsentsAbout(message, patient);
  const owned = [focus, patient, ...entries.all.filter((entry) => isAbout(entry, patient, message))];
  const around: Surroundings = { entries, own: new Set(owned.map(({ fullUrl }) => fullUrl)), ...known };
  const request: MessageEntry = { ...focus, resource: withPerformer(message, withSupport(message, owned, around)) };
  const alone = [request, ...owned.slice(1)].map((entry) => ({ entry, ...standingAlone(entry, around) }));
  const kept = new Set(alone.flatMap(({ inside }) => inside));
  return {
    entries: alone.map(({ entry, resource }) => ({ entry, resource })),
    named: [
      ...alone.flatMap(({ notes }) => notes),
      ...[...kept].filter(({ resource }) => !ADMINISTRATIVE.has(resource.resourceType)).map((entry) => note('kept-inside', `This ${entry.resource.resourceType} is not about the young person; it was kept inside what names it.`, placeOf(entry))),
      ...entries.all.filter((entry) => !around.own.has(entry.fullUrl) && !kept.has(entry) && !around.matched.has(entry.fullUrl) && !namedByHeader(message, entry)).map(notStored),
    ],
  };
}

const notStored = (entry: MessageEntry): Violation => note('not-stored', `This ${entry.resource.resourceType} was not stored: nothing that is kept names it.`, placeOf(entry));

/** The header and the organisations it names: they are read, and kept as the message's own record. */
const namedByHeader = ({ header, entries }: Message, entry: MessageEntry): boolean =>
  entry === header || (entry.resource.resourceType === 'Organization' && referencesOf(header.resource).some(({ reference }) => entries.find(reference)?.entry === entry));

/** The one young person the message is about. */
function patientOf({ entries, focus }: Message): MessageEntry {
  const { subject } = focus.resource as unknown as ServiceRequest;
  const found = entries.find(subject?.reference)?.entry;
  if (found?.resource.resourceType !== 'Patient') throw refuse('rule-broken', 'subject-not-in-message', 'The subject of the ServiceRequest is a Patient in the message.', { at: [`${placeOf(focus)}.subject`], code: 'required' });
  const others = entries.all.filter((entry) => entry.resource.resourceType === 'Patient' && entry !== found);
  if (others.length > 0) throw refuse('rule-broken', 'one-young-person', 'A message is about one person: another Patient in it could be taken for them.', { at: others.map(placeOf), code: 'not-supported' });
  return found;
}

/** A decision kept where no rule finds it would be a refusal that nobody heeds. */
function requireConsentsAbout(message: Message, patient: MessageEntry): void {
  const others = message.entries.all.filter((entry) => entry.resource.resourceType === 'Consent' && !isAbout(entry, patient, message));
  if (others.length > 0) throw refuse('rule-broken', 'consent-of-another', 'A Consent in a message is that of its young person.', { at: others.map((entry) => `${placeOf(entry)}.patient`), code: 'business-rule' });
}

function isAbout({ resource }: MessageEntry, patient: MessageEntry, { entries }: Message): boolean {
  const element = ABOUT[resource.resourceType];
  return element !== undefined && entries.find((resource[element] as Reference | undefined)?.reference)?.entry === patient;
}

/** The service by its id of the Directory of Services: which one that is, and whether it takes this, judges who keeps referrals. */
function withPerformer({ service, entries }: Message, request: ServiceRequest): Resource {
  const [first, ...more] = request.performer ?? [];
  if (more.length > 0) return request as unknown as Resource;
  const [system, value] = endpointOf(service.dosServiceId).split('|') as [string, string];
  const display = first?.display ?? entries.find(first?.reference)?.entry.resource['name'];
  return { ...request, performer: [{ type: 'HealthcareService', identifier: { system, value }, ...(typeof display === 'string' ? { display } : {}) }] } as unknown as Resource;
}

/**
 * The ServiceRequest with everything that tells of the case in its `supportingInfo`: the sender sent it along with the request, and
 * only what a referral names goes with it to the receiver.
 */
function withSupport({ entries, focus }: Message, owned: readonly MessageEntry[], around: Surroundings): ServiceRequest {
  const request = focus.resource as unknown as ServiceRequest;
  const reached = ledTo(owned, around);
  const named = new Set([...(request.supportingInfo ?? []), ...(request.basedOn ?? []), ...(request.reasonReference ?? [])].map(({ reference }) => entries.find(reference)?.entry));
  const along = entries.all.filter((entry) => {
    const type = entry.resource.resourceType;
    if (ADMINISTRATIVE.has(type) || named.has(entry) || entry === focus) return false;
    return around.own.has(entry.fullUrl) ? !NOT_SUPPORTING.has(type) : !reached.has(entry.fullUrl);
  });
  const added = along.map(({ fullUrl, resource: { resourceType: type } }): Reference => ({ reference: fullUrl, type }));
  return added.length === 0 ? request : { ...request, supportingInfo: [...(request.supportingInfo ?? []), ...added] };
}
