import { validate } from '@baton/fhir';
import { Webhook } from 'standardwebhooks';
import { tell, type QueuedEvent, type SeenReference } from './disclosure.js';
import { notificationBundle, statusBundle } from './notification.fhir.js';
import { keyOf, newSecret, signatureHeaders } from './signature.js';

const base = 'https://baton.example/fhir/R4';
const marks = { bundle: 'b1', status: 's1', at: new Date('2026-11-20T10:00:01.000Z') };
const facts = { subscription: 'sub', canonical: 'https://baton.example/fhir/SubscriptionTopic/referral', status: 'active', type: 'event-notification', total: 7 } as const;
const event: QueuedEvent = { number: 7, kind: 'transition', occurred: new Date('2026-11-20T10:00:00.000Z'), refs: ['ServiceRequest/r', 'Task/t'], versions: [2, 3] };
const seen = (version: number, place: number, reference: string): SeenReference => ({ place, reference, version, deleted: false, body: `{"resourceType":"${reference.split('/')[0]}","id":"${reference.split('/')[1]}","n":1.50}` });
const both = [seen(2, 1, 'ServiceRequest/r'), seen(3, 2, 'Task/t')];

describe('a notification', () => {
  it('is byte for byte what R5 Backport 1.1.0 has for R4, with bodies spliced in as they are stored', () => {
    expect(JSON.parse(notificationBundle(base, { ...facts, events: [tell(event, both, 'full-resource')] }, marks))).toEqual({
      resourceType: 'Bundle',
      id: 'b1',
      meta: { profile: ['http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4'] },
      type: 'history',
      timestamp: '2026-11-20T10:00:01.000Z',
      entry: [
        {
          fullUrl: 'urn:uuid:s1',
          resource: {
            resourceType: 'Parameters',
            id: 's1',
            meta: { profile: ['http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4'] },
            parameter: [
              { name: 'subscription', valueReference: { reference: `${base}/Subscription/sub` } },
              { name: 'topic', valueCanonical: 'https://baton.example/fhir/SubscriptionTopic/referral' },
              { name: 'status', valueCode: 'active' },
              { name: 'type', valueCode: 'event-notification' },
              { name: 'events-since-subscription-start', valueString: '7' },
              {
                name: 'notification-event',
                part: [
                  { name: 'event-number', valueString: '7' },
                  { name: 'timestamp', valueInstant: '2026-11-20T10:00:00.000Z' },
                  { name: 'focus', valueReference: { reference: `${base}/ServiceRequest/r` } },
                  { name: 'additional-context', valueReference: { reference: `${base}/Task/t` } },
                ],
              },
            ],
          },
          request: { method: 'GET', url: `${base}/Subscription/sub/$status` },
          response: { status: '200' },
        },
        { fullUrl: `${base}/ServiceRequest/r`, resource: { resourceType: 'ServiceRequest', id: 'r', n: 1.5 }, request: { method: 'PUT', url: 'ServiceRequest/r' }, response: { status: '200', etag: 'W/"2"' } },
        { fullUrl: `${base}/Task/t`, resource: { resourceType: 'Task', id: 't', n: 1.5 }, request: { method: 'PUT', url: 'Task/t' }, response: { status: '200', etag: 'W/"3"' } },
      ],
    });
    expect(notificationBundle(base, { ...facts, events: [tell(event, both, 'full-resource')] }, marks)).toContain('"n":1.50');
  });

  it.each(['handshake', 'heartbeat', 'event-notification'] as const)('is valid R4: %s', (type) => {
    const bundle = notificationBundle(base, { ...facts, type, events: type === 'event-notification' ? [tell(event, both, 'id-only')] : [] }, marks);
    expect(validate(JSON.parse(bundle))).toEqual([]);
  });

  it('has the request and the response that a history entry needs, in every entry', () => {
    const events = [tell(event, [{ ...both[0]!, version: 1 }, { ...both[1]!, deleted: true }], 'id-only'), tell({ ...event, kind: 'access-lost', refs: ['Flag/f'] }, [], 'id-only')];
    const { entry } = JSON.parse(notificationBundle(base, { ...facts, events }, marks)) as { entry: { request: { method: string }; response: { status: string } }[] };
    expect(entry.map(({ request, response }) => `${request.method} ${response.status}`)).toEqual(['GET 200', 'POST 201', 'DELETE 204', 'DELETE 410']);
  });
});

describe('what is told of an event', () => {
  it('is its number alone where its focus is hidden, though its context is not', () => {
    expect(tell(event, [both[1]!], 'full-resource')).toEqual({ number: 7, occurred: event.occurred, context: [], entries: [] });
  });

  it('leaves out of its context what is hidden', () => {
    expect(tell(event, [both[0]!], 'id-only')).toMatchObject({ focus: 'ServiceRequest/r', context: [] });
  });

  it('brings no resource once any version it names was overtaken', () => {
    expect(tell(event, [both[0]!, { ...both[1]!, version: 4 }], 'full-resource').entries.map(({ body }) => body)).toEqual([undefined, undefined]);
  });

  it('brings resources as long as no version is meant or the present one is', () => {
    expect(tell({ ...event, versions: [2, null] }, [both[0]!, { ...both[1]!, version: 9 }], 'full-resource').entries.every(({ body }) => body !== undefined)).toBe(true);
  });
});

describe('$status', () => {
  it('carries the error while attempts fail', () => {
    const bundle = JSON.parse(statusBundle(base, [{ ...facts, type: 'query-status', error: 'no-response' }], () => 'x', marks.at)) as { type: string; entry: { resource: { parameter: unknown[] } }[] };
    expect(bundle.type).toBe('searchset');
    expect(bundle.entry[0]!.resource.parameter.at(-1)).toEqual({ name: 'error', valueCodeableConcept: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/subscription-error', code: 'no-response' }] } });
  });
});

describe('a signature', () => {
  it('is one that Standard Webhooks libraries verify, with either secret, and no other', () => {
    const [old, young, other] = [newSecret(), newSecret(), newSecret()];
    const body = Buffer.from('{"ä":1}');
    const headers = signatureHeaders([keyOf(young), keyOf(old)], 'msg_1', Math.floor(Date.now() / 1000), body);
    for (const secret of [old, young]) expect(new Webhook(secret).verify(body.toString(), headers)).toEqual({ ä: 1 });
    expect(() => new Webhook(other).verify(body.toString(), headers)).toThrow();
  });
});
