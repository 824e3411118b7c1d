import { BARS, type AnsweredRequest, type Coding, type MessageHeader, type MessageParty, type Resource, type ServiceRequest } from '@baton/fhir';
import { refuse, refuseIfAny, type Refused, type Violation } from '@baton/kernel';
import { MessageEntries, placeOf, type MessageEntry } from './message-entries.js';
import { MAJOR_VERSION, unsupportedVersion, type MessageHeaders } from './message-headers.js';
import { odsCodeOf } from './message-organization.js';
import { endpointOf, namedService, serviceOfEndpoint, type NamedService } from './service-identifier.js';

/** `validation` asks whether it would be taken · `referral` hands over · `cancellation` takes back. */
export type MessageKind = 'validation' | 'referral' | 'cancellation';

/** A message that is understood and of a kind that is carried out here. */
export interface Message {
  readonly kind: MessageKind;
  /** What an answer to it needs; `bundle` is the id by which the sender knows the message again. */
  readonly request: AnsweredRequest;
  readonly entries: MessageEntries;
  /** The MessageHeader's entry. */
  readonly header: MessageEntry;
  /** The ServiceRequest it is about. */
  readonly focus: MessageEntry;
  /** The service it is for. */
  readonly service: NamedService;
  /** ODS code of the organisation that says it sends; who sends is said by the token alone. */
  readonly senderOds: string | undefined;
  /** What was read although it is not as the standard has it. */
  readonly tolerated: readonly Violation[];
}

const fault = (rule: string, says: string, at: string, code: string): Violation => ({ rule, says, at: [at], code });

/**
 * Reads a message Bundle: what it is, what it is about, who it is from and for.
 *
 * @param bundle structurally valid
 * @throws Refused `malformed` (issue code `invariant`) for an event, reason or category that nobody knows or that do not go
 *   together; `rule-broken` (`not-supported`) for what is known and not done here
 */
export function readMessage(bundle: Resource, headers: MessageHeaders): Message {
  if (bundle['type'] !== 'message') throw refuse('malformed', 'bundle-type', 'A message is a Bundle of type message.', { at: ['Bundle.type'], code: 'value' });
  requireVersion(bundle);
  const entries = MessageEntries.of(bundle);
  const [header] = entries.all;
  if (header?.resource.resourceType !== 'MessageHeader') throw refuse('malformed', 'header-not-first', 'The first entry of a message is its MessageHeader.', { at: ['Bundle.entry[0]'], code: 'required' });
  if (bundle.id === undefined) throw refuse('malformed', 'message-id-missing', 'A message has a Bundle.id, by which it is known again.', { at: ['Bundle.id'], code: 'required' });
  const head = header.resource as unknown as MessageHeader;
  const tolerated: Violation[] = [];

  requireEvent(head, tolerated);
  const reason = reasonOf(head, tolerated);
  const focus = focusOf(head, entries);
  const kind = kindOf(reason, categoryOf(focus), focus);
  const destination = destinationOf(head, entries, headers, tolerated);
  const service = serviceOf(focus, entries, destination.service, tolerated);
  return {
    kind,
    request: { bundle: bundle.id, reason, source: sourceOf(head, entries), destination: { endpoint: endpointOf(service.dosServiceId), ...destination.party } },
    entries,
    header,
    focus,
    service,
    senderOds: odsCodeOf(entries.find(head.sender?.reference)?.entry.resource),
    tolerated,
  };
}

/** `Bundle.meta.versionId` holds the version of the standard in messages, and so may the definition's canonical. */
function requireVersion(bundle: Resource): void {
  const version = /^(\d+)\.\d+/.exec(bundle.meta?.versionId ?? '')?.[1];
  if (version !== undefined && Number(version) !== MAJOR_VERSION) throw unsupportedVersion('Bundle.meta.versionId');
}

const unknownFlow = (rule: string, says: string, at: string): Refused => refuse('malformed', rule, says, { at: [at], code: 'invariant' });
const notSupported = (rule: string, says: string, at: string): Refused => refuse('rule-broken', rule, says, { at: [at], code: 'not-supported' });

/** Systems of the first drafts of the standard: the codes are the same. */
const OLDER_SYSTEMS: Readonly<Record<string, string>> = {
  'https://fhir.nhs.uk/CodeSystem/message-event-servicerequest': BARS.events,
  'https://fhir.nhs.uk/CodeSystem/message-reason-servicerequest': BARS.reasons,
};

function codeIn(system: string, coding: Coding | undefined, at: string, tolerated: Violation[]): string | undefined {
  if (coding?.system === system) return coding.code;
  if (coding?.system === undefined || OLDER_SYSTEMS[coding.system] !== system) return undefined;
  tolerated.push(fault('older-code-system', `An older code system was read as ${system}.`, at, 'code-invalid'));
  return coding.code;
}

const EVENTS = ['servicerequest-request', 'servicerequest-response', 'booking-request', 'booking-response'];

function requireEvent({ eventCoding, definition }: MessageHeader, tolerated: Violation[]): void {
  const at = 'Bundle.entry[0].resource.eventCoding';
  const event = codeIn(BARS.events, eventCoding, at, tolerated);
  if (event === undefined || !EVENTS.includes(event)) throw unknownFlow('message-event-unknown', `The event is none of ${BARS.events}.`, at);
  if (event === 'servicerequest-response') throw notSupported('message-event-not-supported', 'A receiver answers a referral by setting the status of its Task; response messages are sent from here, and not taken.', at);
  if (event !== 'servicerequest-request') throw notSupported('message-event-not-supported', 'Bookings are not taken here.', at);
  const version = /\|(\d+)(?:\.|$)/.exec(definition ?? '')?.[1];
  if (version !== undefined && Number(version) !== MAJOR_VERSION) throw unsupportedVersion('Bundle.entry[0].resource.definition');
}

const REASONS = ['new', 'update', 'delete'] as const;
type Reason = (typeof REASONS)[number];

function reasonOf({ reason }: MessageHeader, tolerated: Violation[]): Reason {
  const at = 'Bundle.entry[0].resource.reason';
  const codes = (reason?.coding ?? []).flatMap((coding) => codeIn(BARS.reasons, coding, at, tolerated) ?? []);
  const found = REASONS.find((each) => codes.length === 1 && codes[0] === each);
  if (!found) throw unknownFlow('message-reason-unknown', `The reason is one of ${REASONS.join(', ')} of ${BARS.reasons}.`, at);
  return found;
}

function focusOf({ focus }: MessageHeader, entries: MessageEntries): MessageEntry {
  const at = 'Bundle.entry[0].resource.focus';
  const [first, ...more] = (focus ?? []).map(({ reference }) => entries.find(reference)?.entry);
  if (!first || more.length > 0 || first.resource.resourceType !== 'ServiceRequest') {
    throw refuse('malformed', 'message-focus-missing', 'The focus of a request is one ServiceRequest in the message.', { at: [at], code: focus ? 'invariant' : 'required' });
  }
  return first;
}

const CATEGORIES = ['referral', 'validation'] as const;
type MessageCategory = (typeof CATEGORIES)[number];

function categoryOf(focus: MessageEntry): MessageCategory {
  const { category } = focus.resource as unknown as ServiceRequest;
  const codes = new Set((category ?? []).flatMap(({ coding }) => coding ?? []).flatMap(({ system, code }) => (system === BARS.serviceRequestCategory ? [code] : [])));
  const found = CATEGORIES.find((each) => codes.size === 1 && codes.has(each));
  if (!found) throw unknownFlow('message-category-unknown', `The category is one of ${CATEGORIES.join(', ')} of ${BARS.serviceRequestCategory}.`, `${placeOf(focus)}.category`);
  return found;
}

const TAKEN_BACK: readonly unknown[] = ['revoked', 'entered-in-error'];

function kindOf(reason: Reason, category: MessageCategory, focus: MessageEntry): MessageKind {
  const at = `${placeOf(focus)}.status`;
  const takenBack = TAKEN_BACK.includes(focus.resource['status']);
  if (reason === 'new') {
    if (takenBack) throw unknownFlow('message-flow-unknown', 'A new request is not taken back in the same message.', at);
    return category;
  }
  if (category === 'validation') throw notSupported('validation-is-not-kept', 'A validation request is answered and not kept: there is nothing to change. Ask anew.', 'Bundle.entry[0].resource.reason');
  // The guide asks for `update` in one place and `delete` in another; both are taken for the same.
  if (takenBack) return 'cancellation';
  if (reason === 'delete') throw unknownFlow('message-flow-unknown', 'What is deleted has status revoked, or entered-in-error.', at);
  throw notSupported('update-not-supported', 'A referral is amended by PUT or PATCH of its ServiceRequest; a message hands over or takes back.', 'Bundle.entry[0].resource.reason');
}

function sourceOf({ source, sender }: MessageHeader, entries: MessageEntries): MessageParty {
  const odsCode = odsCodeOf(entries.find(sender?.reference)?.entry.resource);
  return { endpoint: source.endpoint, ...(source.name === undefined ? {} : { name: source.name }), ...(odsCode === undefined ? {} : { odsCode }) };
}

/** The service a message is for by its header, which must be the one it was addressed to. */
function destinationOf({ destination }: MessageHeader, entries: MessageEntries, { target }: MessageHeaders, tolerated: Violation[]): { service: NamedService | undefined; party: Omit<MessageParty, 'endpoint'> } {
  const at = 'Bundle.entry[0].resource.destination';
  const [first, ...more] = destination ?? [];
  if (more.length > 0) throw notSupported('one-destination', 'A message is for one service.', at);
  const named = serviceOfEndpoint(first?.endpoint);
  if (named?.spelt) tolerated.push(spelling(named, `${at}[0].endpoint`));
  if (!named) tolerated.push(fault('destination-not-read', 'The destination is no id of the Directory of Services.', at, 'value'));
  if (named && target && named.dosServiceId !== target.dosServiceId) {
    throw refuse('malformed', 'target-differs', 'NHSD-Target-Identifier and the destination in the MessageHeader name different services.', { at: ['NHSD-Target-Identifier', at], code: 'value' });
  }
  const service = named ?? target;
  const odsCode = odsCodeOf(entries.find(first?.receiver?.reference)?.entry.resource);
  return { service, party: { ...(first?.name === undefined ? {} : { name: first.name }), ...(odsCode === undefined ? {} : { odsCode }) } };
}

const spelling = ({ spelt }: NamedService, at: string): Violation =>
  spelt === 'http'
    ? fault('dos-system-http', 'The identifier system is spelt with http; it was read as https.', at, 'value')
    : fault('identifier-system-case', 'The identifier system is spelt otherwise than published; it was read as the published one.', at, 'value');

/** The service that is to carry it out: the performer's, or else the destination's. Two different ones are no message for anybody. */
function serviceOf(focus: MessageEntry, entries: MessageEntries, destination: NamedService | undefined, tolerated: Violation[]): NamedService {
  const at = `${placeOf(focus)}.performer`;
  const { performer } = focus.resource as unknown as ServiceRequest;
  const [first] = performer ?? [];
  const entry = entries.find(first?.reference)?.entry;
  const identifiers = entry?.resource.resourceType === 'HealthcareService' ? (entry.resource['identifier'] as { system?: string; value?: string }[] | undefined) : first?.identifier ? [first.identifier] : [];
  const service = (identifiers ?? []).map(({ system, value }) => namedService(system, value)).find((each) => each !== undefined);
  if (service && destination && service.dosServiceId !== destination.dosServiceId) {
    refuseIfAny('rule-broken', [fault('destination-differs', 'The performer is another service than the one the message is for.', at, 'business-rule')]);
  }
  const meant = service ?? destination;
  if (!meant) throw refuse('rule-broken', 'service-not-named', 'Name the service by its id of the Directory of Services: as performer, as destination, or in NHSD-Target-Identifier.', { at: [at], code: 'required' });
  if (service?.spelt && !entry) tolerated.push(spelling(service, at));
  if (!service) tolerated.push(fault('performer-read-from-destination', 'The performer is no service with an id of the Directory of Services; the destination of the message was taken.', at, 'value'));
  return meant;
}
