import { RULE_SYSTEM } from '@baton/fhir';
import type { ToldEntry, ToldEvent } from './disclosure.js';
import { BACKPORT } from './subscription.fhir.js';
import type { SubscriptionStatus } from './subscription.js';

export type NotificationType = 'handshake' | 'heartbeat' | 'event-notification' | 'query-status' | 'query-event';

/** What a status says of its subscription. */
export interface StatusFacts {
  readonly subscription: string;
  readonly canonical: string;
  readonly status: SubscriptionStatus;
  readonly type: NotificationType;
  /** Events generated since the subscription began, told or not. */
  readonly total: number;
  /** Code of `http://terminology.hl7.org/CodeSystem/subscription-error`. */
  readonly error?: string | undefined;
  readonly events?: readonly ToldEvent[];
}

/** Ids and time of one Bundle; passed in, so that the same facts give the same text. */
export interface BundleMarks {
  readonly bundle: string;
  readonly status: string;
  readonly at: Date;
}

interface Parameter {
  readonly name: string;
  readonly [value: string]: unknown;
}

/** The status as R4 Parameters (profile backport-subscription-status-r4); order and value types as 1.1.0 has them. */
export function statusParameters(base: string, facts: StatusFacts, id: string): object {
  const parameter: Parameter[] = [
    { name: 'subscription', valueReference: { reference: `${base}/Subscription/${facts.subscription}` } },
    { name: 'topic', valueCanonical: facts.canonical },
    { name: 'status', valueCode: facts.status },
    { name: 'type', valueCode: facts.type },
    { name: 'events-since-subscription-start', valueString: String(facts.total) },
    ...(facts.events ?? []).map((event) => ({ name: 'notification-event', part: eventParts(base, event) })),
    ...(facts.error === undefined
      ? []
      : [{ name: 'error', valueCodeableConcept: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/subscription-error', code: facts.error }] } }]),
  ];
  return { resourceType: 'Parameters', id, meta: { profile: [`${BACKPORT}/StructureDefinition/backport-subscription-status-r4`] }, parameter };
}

function eventParts(base: string, event: ToldEvent): Parameter[] {
  return [
    { name: 'event-number', valueString: String(event.number) },
    { name: 'timestamp', valueInstant: event.occurred.toISOString() },
    ...(event.focus === undefined ? [] : [{ name: 'focus', valueReference: { reference: `${base}/${event.focus}` } }]),
    ...event.context.map((reference) => ({ name: 'additional-context', valueReference: { reference: `${base}/${reference}` } })),
  ];
}

/**
 * A notification (profile backport-subscription-notification-r4): a Bundle of type history, the status first, then an entry for
 * every reference its events name. Bodies are spliced in as they are stored, without being parsed.
 *
 * @param base FHIR base URL without slash at its end; references and fullUrls are absolute under it
 * @returns JSON text
 */
export function notificationBundle(base: string, facts: StatusFacts, marks: BundleMarks): string {
  const status = {
    fullUrl: `urn:uuid:${marks.status}`,
    resource: statusParameters(base, facts, marks.status),
    request: { method: 'GET', url: `${base}/Subscription/${facts.subscription}/$status` },
    response: { status: '200' },
  };
  const once = new Map((facts.events ?? []).flatMap(({ entries }) => entries).map((entry) => [entry.reference, entry]));
  const head = JSON.stringify({
    resourceType: 'Bundle',
    id: marks.bundle,
    meta: { profile: [`${BACKPORT}/StructureDefinition/backport-subscription-notification-r4`] },
    type: 'history',
    timestamp: marks.at.toISOString(),
  });
  return `${head.slice(0, -1)},"entry":[${[JSON.stringify(status), ...[...once.values()].map((entry) => entryText(base, entry))].join(',')}]}`;
}

const LOST = {
  resourceType: 'OperationOutcome',
  issue: [{ severity: 'information', code: 'suppressed', details: { coding: [{ system: RULE_SYSTEM, code: 'access-lost' }], text: 'You no longer have access to this.' } }],
};

function entryText(base: string, entry: ToldEntry): string {
  const [type] = entry.reference.split('/');
  const how =
    entry.is === 'lost'
      ? { request: { method: 'DELETE', url: entry.reference }, response: { status: '410', outcome: LOST } }
      : entry.is === 'deleted'
        ? { request: { method: 'DELETE', url: entry.reference }, response: { status: '204' } }
        : entry.version === 1
          ? { request: { method: 'POST', url: type }, response: { status: '201', etag: 'W/"1"' } }
          : { request: { method: 'PUT', url: entry.reference }, response: { status: '200', etag: `W/"${entry.version}"` } };
  const resource = entry.body === undefined ? '' : `"resource":${entry.body},`;
  return `{"fullUrl":${JSON.stringify(`${base}/${entry.reference}`)},${resource}${JSON.stringify(how).slice(1)}`;
}

/** The answer of `$status`: a searchset of statuses. @param ids one for each, and one for the Bundle first */
export function statusBundle(base: string, statuses: readonly StatusFacts[], newId: () => string, at: Date): string {
  const entry = statuses.map((facts) => {
    const id = newId();
    return { fullUrl: `urn:uuid:${id}`, resource: statusParameters(base, facts, id), search: { mode: 'match' } };
  });
  return JSON.stringify({ resourceType: 'Bundle', id: newId(), type: 'searchset', timestamp: at.toISOString(), total: entry.length, entry });
}
