import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatonEvent } from '@baton/contracts';
import { created, PageLinks, publish, write } from '@baton/fhir-store';
import { roleOf, type Database } from '@baton/postgres';
import { eventually, webhookReceiver, type WebhookReceiver } from '@baton/testing';
import { messageAddress } from './message-delivery.endpoint.js';
import { withMessages } from './message-delivery.consumer.js';
import { decidedBy, judgeMessage, MESSAGE_EVENTS } from './message-delivery.js';
import { messagesTo, resendMessage } from './message-delivery.store.js';
import { MessageDeliveryTables1700000000001 } from './message-delivery.tables.js';
import { MessageDeliveryWorker } from './message-delivery.worker.js';
import { NotificationsTables1700000000000 } from './migrations/1700000000000-notifications-tables.js';
import { notificationHandlers } from './notifications.consumer.js';
import { Sender } from './sender.js';
import { SigningKeys } from './signing.store.js';
import { BASE, callerOf, openNotifications, QUICK, referralEvent, type TestNotifications, type TestReferral } from './spec/notifications-database.js';

const any: TestReferral = { referral: randomUUID(), task: randomUUID(), patient: randomUUID(), priority: 'routine' };

describe('what the sender of a message is told', () => {
  it('is every decision of the service, and what Baton finds; not what the sender did itself', () => {
    const told = MESSAGE_EVENTS.map((type) => type.split('.')[2]!.replace('referral-', ''));
    expect(told.sort()).toEqual(['accepted', 'cancelled', 'completed', 'failed', 'held', 'put-on-hold', 'rejected', 'released', 'resumed', 'started', 'unacknowledged']);
    for (const own of ['requested', 'amended', 'received', 'marked-in-error']) expect(decidedBy(referralEvent(own, any))).toBeUndefined();
    expect(decidedBy(referralEvent('cancelled', any, 2, { data: { reason: 'other' } }))).toBeUndefined();
    expect(decidedBy(referralEvent('cancelled', any, 2, { data: { reason: 'consent-withdrawn' } }))?.version).toBe(2);
  });

  it('names whom to ring when nobody has received it', () => {
    expect(decidedBy(referralEvent('unacknowledged', any))?.refs).toEqual([`ServiceRequest/${any.referral}`, `Task/${any.task}`, 'HealthcareService/gm.safe-zones']);
  });

  it.each([
    [{ status: 200 }, 0, 'delivered'],
    [{ status: 409 }, 0, 'parked'],
    [{ status: 409 }, 1, 'delivered'],
    [{ status: 410 }, 0, 'parked'],
    [{ status: 425 }, 0, 'retry'],
    [{ status: 422 }, 3, 'parked'],
    [{ failure: 'timeout' }, 0, 'retry'],
  ] as const)('an answer %j after %i attempts means %s', (answer, attempts, verdict) => {
    expect(judgeMessage(answer, attempts)).toBe(verdict);
  });
});

describe('the delivery of decisions as messages', () => {
  let t: TestNotifications;
  let db: Database;
  let directory: Database;
  let receiver: WebhookReceiver;
  let worker: MessageDeliveryWorker | undefined;
  let address: string | undefined;

  beforeAll(async () => {
    t = await openNotifications();
    db = await t.test.open('notifications', [NotificationsTables1700000000000, MessageDeliveryTables1700000000001]);
    directory = await t.test.open('directory');
    await t.test.admin(`SET ROLE ${roleOf('directory')}; CREATE TABLE directory.loaded (definition jsonb, in_force_from timestamptz, in_force_until timestamptz);
      CREATE VIEW directory.pathway_v1 AS SELECT * FROM directory.loaded; ${publish('directory', 'pathway_v1')} RESET ROLE`);
  }, 60_000);
  afterAll(() => t.close());
  beforeEach(async () => {
    receiver = await webhookReceiver();
    address = receiver.url;
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
    await receiver.close();
    await t.test.admin('TRUNCATE notifications.message_delivery, notifications.message_attempt, audit.entry');
  });

  const start = (): void => {
    const { sealer, egress, log } = t.host;
    worker = new MessageDeliveryWorker({ db, sealer, sender: new Sender(egress), keys: new SigningKeys(sealer), clock: () => new Date(), log, settings: QUICK, addressOf: async () => address, count: () => undefined });
    worker.start();
  };
  const handlers = withMessages(notificationHandlers());
  const handle = (...events: BatonEvent[]) => db.transaction(async (tx) => {
    for (const event of events) await handlers[event.type]!(tx, event);
  });
  const cameByMessage = (of: TestReferral) =>
    t.test.admin(`INSERT INTO gateway.kept VALUES ($1, 'rapid-response', $2, $3, $3, 'new', '{"endpoint": "http://fhir.nhs.uk/Id/dos-service-id|42"}', '{"endpoint": "https://fhir.nhs.uk/Id/dos-service-id|43"}')`, [of.referral, `bundle-${of.referral}`, randomUUID()]);
  const endpoint = (owner: string, content: object) =>
    directory.transaction((tx) =>
      write(tx, 'directory', callerOf(owner), { puts: [created({ id: randomUUID(), resource: { resourceType: 'Endpoint', ...content }, owner, patient: null, context: null, now: tx.now })], events: [], audit: [], answer: undefined }),
    );
  const states = async (): Promise<string[]> => (await t.test.admin<{ state: string }>('SELECT state FROM notifications.message_delivery ORDER BY queued_at, version')).map(({ state }) => state);
  const untilStates = (...wanted: string[]) => eventually(async () => expect(await states()).toEqual(wanted));
  const sentences = (): string[] => receiver.received.map((each) => /"text":"([^"]+)"/.exec(each.body)![1]!);

  it('asks nothing of a gateway that was never started', async () => {
    await handle(referralEvent('accepted', any, 2));
    expect(await states()).toEqual([]);
    await t.test.admin(`SET ROLE ${roleOf('gateway')};
      CREATE TABLE gateway.kept (service_request text, partner text, bundle text, request_id text, correlation_id text, reason text, source jsonb, destination jsonb, at timestamptz DEFAULT now());
      CREATE VIEW gateway.message_v1 AS SELECT * FROM gateway.kept; ${publish('gateway', 'message_v1')} RESET ROLE`);
  });

  it('queues nothing for a referral that came otherwise, and each decision once', async () => {
    const [of, other] = [await t.referral(), await t.referral()];
    await cameByMessage(of);
    const event = referralEvent('accepted', of, 2);
    await handle(event, referralEvent('accepted', other, 2));
    await handle(event);
    expect(await states()).toEqual(['queued']);
  });

  it('sends it signed, as the sender of the message may see it, and audits that', async () => {
    const of = await t.referral();
    await cameByMessage(of);
    await handle(referralEvent('accepted', of, 2));
    start();
    const [received] = await receiver.waitFor(1);
    await untilStates('delivered');
    const bundle = received!.json() as { id: string; entry: { fullUrl: string; resource: Record<string, unknown> }[] };
    expect(bundle.entry.map(({ resource }) => resource['resourceType'])).toEqual(['MessageHeader', 'ServiceRequest', 'Task', 'OperationOutcome']);
    expect(bundle.entry[0]!.resource).toMatchObject({ response: { identifier: `bundle-${of.referral}` }, destination: [{ endpoint: 'http://fhir.nhs.uk/Id/dos-service-id|42' }] });
    expect(bundle.entry[2]!.resource).toMatchObject({ focus: { reference: bundle.entry[1]!.fullUrl } });
    expect(received!.headers['webhook-id']).toBe(`msg_${bundle.id}`);
    expect(received!.headers['webhook-signature']).toMatch(/^v1,/);
    expect(JSON.parse(Buffer.from(received!.headers['nhsd-target-identifier'] as string, 'base64').toString())).toEqual({ value: '42', system: 'https://fhir.nhs.uk/Id/dos-service-id' });
    const [audited] = await t.test.admin<{ partner: string; patient: string; interaction: string }>(`SELECT partner, patient, interaction FROM audit.entry WHERE interaction = 'deliver'`);
    expect(audited).toEqual({ partner: 'rapid-response', patient: of.patient, interaction: 'deliver' });
  });

  it('tries again under the same ids, and takes 409 to a retry for the answer that it was taken', async () => {
    const of = await t.referral();
    await cameByMessage(of);
    receiver.answerNext({ status: 503 }, { status: 409 });
    await handle(referralEvent('accepted', of, 2));
    start();
    await untilStates('delivered');
    expect(new Set(receiver.received.map(({ headers }) => headers['x-request-id'])).size).toBe(1);
    expect(receiver.received).toHaveLength(2);
  });

  it('keeps the order of decisions: what is parked holds back what comes after, until it is sent again', async () => {
    const of = await t.referral();
    await cameByMessage(of);
    receiver.answerNext({ status: 422 });
    await handle(referralEvent('accepted', of, 2), referralEvent('started', of, 3));
    start();
    await untilStates('parked', 'queued');
    const [parked] = await messagesTo(db, 'rapid-response', 'parked', 10);
    expect(parked).toMatchObject({ referral: of.referral, event: 'baton.referrals.referral-accepted.v1', attempts: 1 });
    expect(await resendMessage(db, 'safe-zones', parked!.id)).toBe(false);
    expect(await resendMessage(db, 'rapid-response', parked!.id)).toBe(true);
    await untilStates('delivered', 'delivered');
    expect(sentences().slice(1)).toEqual(['The service takes the young person on.', 'The service has begun its work with the young person.']);
  });

  it('parks when the schedule is exhausted, and lets an alarm pass', async () => {
    const of = await t.referral({ priority: 'routine' });
    await cameByMessage(of);
    receiver.answerNext({ status: 500 }, { status: 500 }, { status: 500 });
    await handle(referralEvent('held', of, 2));
    start();
    await untilStates('parked');
    await t.service('gm.safe-zones');
    await handle(referralEvent('unacknowledged', { ...of, priority: 'stat' }, 3));
    await untilStates('parked', 'delivered');
    expect(receiver.received.at(-1)!.body).toContain('01632 960001');
  });

  it('waits, visibly, while no address is registered', async () => {
    const of = await t.referral();
    await cameByMessage(of);
    address = undefined;
    await handle(referralEvent('accepted', of, 2));
    start();
    await untilStates('waiting');
    expect(await messagesTo(db, 'rapid-response', undefined, 10)).toMatchObject([{ state: 'waiting', failure: 'no-address', attempts: 0 }]);
    expect(receiver.received).toEqual([]);
  });

  it('goes to the address of the pathway, or to the Endpoint that the partner registered for messages itself', async () => {
    const keys = await mkdtemp(join(tmpdir(), 'baton-pages-'));
    const pages = await PageLinks.open(keys);
    await rm(keys, { recursive: true });
    const of = (partner: string) => messageAddress(db, pages, BASE, partner);
    expect(await of('liaison')).toBeUndefined();
    await t.test.admin(`INSERT INTO directory.loaded VALUES ($1, now() - interval '1 day', NULL)`, [JSON.stringify({ partners: [{ id: 'liaison', endpoint: 'https://liaison.example/$process-message' }] })]);
    expect(await of('liaison')).toBe('https://liaison.example/$process-message');
    await endpoint('liaison', { status: 'active', payloadType: [{ text: 'other' }], connectionType: { code: 'hl7-fhir-rest' }, address: 'https://liaison.example/rest' });
    await endpoint('safe-zones', { status: 'active', payloadType: [{ coding: [{ code: 'message' }] }], connectionType: { code: 'hl7-fhir-rest' }, address: 'https://another.example/messages' });
    expect(await of('liaison')).toBe('https://liaison.example/$process-message');
    await endpoint('liaison', { status: 'active', payloadType: [{ coding: [{ code: 'message' }] }], connectionType: { code: 'hl7-fhir-rest' }, address: 'https://liaison.example/messages' });
    expect(await of('liaison')).toBe('https://liaison.example/messages');
  });
});
