import type { Subscription } from '@baton/fhir';
import type { Refused } from '@baton/kernel';
import { webhookReceiver, type WebhookReceiver } from '@baton/testing';
import { BACKPORT } from './subscription.fhir.js';
import { subscriptions } from './notifications.module.js';
import { openNotifications, readNotification, subscriptionTo, type TestNotifications } from './spec/notifications-database.js';

let notifications: TestNotifications;
let receiver: WebhookReceiver;

beforeAll(async () => {
  notifications = await openNotifications();
  receiver = await webhookReceiver();
  notifications.startWorkers();
});

afterAll(async () => {
  await notifications.close();
  await receiver.close();
});

beforeEach(() => receiver.answerAlways({ status: 200 }));

const rulesAgainst = async (attempt: Promise<unknown>): Promise<string[]> =>
  attempt.then(
    () => [],
    (error: Refused) => error.violations.map(({ rule }) => rule),
  );

const stored = async (id: string): Promise<Subscription> =>
  JSON.parse((await notifications.test.admin<{ body: string }>(`SELECT body::text FROM notifications.resource WHERE id = $1`, [id]))[0]!.body) as Subscription;

describe('a new subscription', () => {
  it('is stored as requested, shakes hands and becomes active, with a version of its own for that', async () => {
    const before = receiver.received.length;
    const answer = await notifications.create('safe-zones', subscriptionTo(receiver.url, { status: 'active' }));
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'requested', criteria: 'https://baton.example/fhir/SubscriptionTopic/referral' });
    await notifications.untilStatus(answer.id, 'active');
    expect(await stored(answer.id)).toMatchObject({ status: 'active', meta: { versionId: '2' } });
    const handshakes = receiver.received.slice(before).map((one) => readNotification(one)).filter(({ bundle }) => JSON.stringify(bundle).includes(answer.id));
    expect(handshakes).toHaveLength(1);
    expect(handshakes[0]).toMatchObject({ type: 'handshake', status: 'requested', total: '0', numbers: [] });
  });

  it('is in error when the handshake fails, and may ask for another', async () => {
    receiver.answerAlways({ status: 500 });
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url));
    await notifications.untilStatus(id, 'error');
    receiver.answerAlways({ status: 204 });
    await notifications.update('safe-zones', id, subscriptionTo(receiver.url));
    await notifications.untilStatus(id, 'active');
  });

  it('is not active when the endpoint redirects', async () => {
    receiver.answerAlways({ status: 307, headers: { location: receiver.url } });
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url));
    await notifications.untilStatus(id, 'error');
  });

  it('is refused with every reason', async () => {
    const wrong = subscriptionTo('http://10.0.0.1/hook', { topic: 'https://baton.example/fhir/SubscriptionTopic/weather', content: 'everything', headers: ['no colon', 'Host: x'] });
    (wrong['channel'] as { type: string }).type = 'email';
    expect(await rulesAgainst(notifications.create('safe-zones', wrong))).toEqual([
      'topic-unknown',
      'channel-type-not-offered',
      'payload-content-not-offered',
      'header-malformed',
      'header-reserved',
      'endpoint-address-not-public',
    ]);
    expect(await notifications.test.admin(`SELECT 1 FROM notifications.subscription WHERE endpoint = 'http://10.0.0.1/hook'`)).toEqual([]);
  });

  it.each([
    ['an unknown filter', { filters: ['mood=low'] }, 'filter-unknown'],
    ['a filter on another type', { filters: ['Encounter?patient=p1'] }, 'filter-unknown'],
    ['no filter value', { filters: ['patient='] }, 'filter-unknown'],
    ['an end in the past', { end: '2020-01-01T00:00:00Z' }, 'subscription-end-past'],
    ['a time-out of an hour', { extension: [{ url: `${BACKPORT}/StructureDefinition/backport-timeout`, valueUnsignedInt: 3600 }] }, 'backport-timeout-out-of-range'],
  ])('is refused with %s', async (_what, options, rule) => {
    expect(await rulesAgainst(notifications.create('safe-zones', subscriptionTo(receiver.url, options)))).toEqual([rule]);
  });

  it('must say how much a notification holds', async () => {
    const resource = subscriptionTo(receiver.url);
    delete (resource['channel'] as Record<string, unknown>)['_payload'];
    expect(await rulesAgainst(notifications.create('safe-zones', resource))).toEqual(['payload-content-missing']);
  });

  it('gives its filters back as received, in any of the three spellings', async () => {
    const filters = ['patient=Patient/p1', 'ServiceRequest?status=accepted', 'ServiceRequest.priority=stat'];
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url, { filters }));
    const { _criteria } = (await stored(id)) as unknown as { _criteria: { extension: { valueString: string }[] } };
    expect(_criteria.extension.map(({ valueString }) => valueString)).toEqual(filters);
  });
});

describe("a channel's headers", () => {
  it('are sent, and stored nowhere in the clear; their owner gets them back in full', async () => {
    const headers = ['Authorization: Bearer s3cret-token', 'X-Tenant: 7'];
    const { id, body } = await notifications.create('safe-zones', subscriptionTo(receiver.url, { headers }));
    await notifications.untilStatus(id, 'active');
    const handshake = receiver.received.find((one) => one.body.includes(id))!;
    expect(handshake.headers).toMatchObject({ authorization: 'Bearer s3cret-token', 'x-tenant': '7', 'content-type': 'application/fhir+json; charset=utf-8' });
    const everything = await notifications.test.admin<{ all: string }>(
      `SELECT (SELECT string_agg(t::text, '') FROM notifications.resource t) || (SELECT string_agg(t::text, '') FROM notifications.history t) || (SELECT string_agg(t::text, '') FROM notifications.subscription t) AS all`,
    );
    expect(everything[0]!.all).not.toContain('s3cret');
    expect((JSON.parse(subscriptions.reveal!(body)) as Subscription).channel.header).toEqual(headers);
    expect((JSON.parse(subscriptions.reveal!(JSON.stringify(await stored(id)))) as Subscription).channel.header).toEqual(headers);
  });

  it('survive a change that was made to the stored form', async () => {
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url, { headers: ['Authorization: Bearer abc'] }));
    await notifications.untilStatus(id, 'active');
    const answer = await notifications.update('safe-zones', id, { ...((await stored(id)) as unknown as { resourceType: 'Subscription' }), reason: 'patched' });
    expect(JSON.parse(subscriptions.reveal!(answer.body))).toMatchObject({ reason: 'patched', status: 'active', channel: { header: ['Authorization: Bearer abc'] } });
  });

  it('sealed for another subscription are refused', async () => {
    const { body } = await notifications.create('rapid-response', subscriptionTo(receiver.url, { headers: ['Authorization: Bearer abc'] }));
    const stolen = (JSON.parse(body) as Subscription).channel.header!;
    expect(await rulesAgainst(notifications.create('safe-zones', subscriptionTo(receiver.url, { headers: stolen })))).toEqual(['header-malformed']);
  });
});

describe('a change by the owner', () => {
  it('to another endpoint asks for a new handshake', async () => {
    const other = await webhookReceiver();
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url));
    await notifications.untilStatus(id, 'active');
    expect(JSON.parse((await notifications.update('safe-zones', id, subscriptionTo(other.url, { status: 'active' }))).body)).toMatchObject({ status: 'requested' });
    await other.waitFor(1);
    await notifications.untilStatus(id, 'active');
    await other.close();
  });

  it('cannot declare an error, nor go on after off without a handshake', async () => {
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url));
    await notifications.untilStatus(id, 'active');
    expect(await rulesAgainst(notifications.update('safe-zones', id, subscriptionTo(receiver.url, { status: 'error' })))).toEqual(['subscription-status-not-allowed']);
    await notifications.update('safe-zones', id, subscriptionTo(receiver.url, { status: 'off' }));
    expect(await notifications.statusOf(id)).toBe('off');
    expect(await rulesAgainst(notifications.update('safe-zones', id, subscriptionTo(receiver.url, { status: 'active' })))).toEqual(['subscription-status-not-allowed']);
  });

  it('is nobody else\'s to make: for them there is no such Subscription', async () => {
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url));
    await expect(notifications.update('rapid-response', id, subscriptionTo(receiver.url))).rejects.toMatchObject({ kind: 'unknown' });
  });

  it('may be its end: deleted is off', async () => {
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url));
    await notifications.remove('safe-zones', id);
    expect(await notifications.statusOf(id)).toBe('off');
  });

  it('may set an end, at which it goes off by itself', async () => {
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url, { end: new Date(Date.now() + 300).toISOString() }));
    await notifications.untilStatus(id, 'off');
    expect(await stored(id)).toMatchObject({ status: 'off' });
  });
});

describe('a heartbeat', () => {
  it('is given at the period asked for, and not counted', async () => {
    const { id } = await notifications.create('safe-zones', subscriptionTo(receiver.url, { extension: [{ url: `${BACKPORT}/StructureDefinition/backport-heartbeat-period`, valueUnsignedInt: 1 }] }));
    const [beat] = await receiver.waitFor(1, (one) => one.body.includes(id) && readNotification(one).type === 'heartbeat');
    expect(readNotification(beat!)).toMatchObject({ status: 'active', total: '0', numbers: [] });
    await notifications.remove('safe-zones', id);
  });
});
