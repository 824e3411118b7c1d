import { randomUUID } from 'node:crypto';
import { eventually, webhookReceiver, type ReceivedWebhook, type WebhookReceiver } from '@baton/testing';
import { statement } from '@baton/postgres';
import { begin, claim } from './attempt.store.js';
import { listDeliveries, readDelivery, redriveSubscription, resend } from './deliveries.service.js';
import { lease, record, release, signOfLife } from './lane.store.js';
import { addSecret } from './signing.store.js';
import { BACKPORT } from './subscription.fhir.js';
import { callerOf, eventOf, openNotifications, QUICK, readNotification, referralEvent, sharingEvent, subscriptionTo, type TestNotifications, type TestReferral } from './spec/notifications-database.js';
import { onWoken, wake } from './wake.js';

let notifications: TestNotifications;
let receiver: WebhookReceiver;

beforeAll(async () => {
  notifications = await openNotifications();
});
afterAll(() => notifications.close());

beforeEach(async () => {
  receiver = await webhookReceiver();
});

afterEach(async () => {
  await notifications.forget();
  await receiver.close();
});

const about = (of: TestReferral) => (webhook: ReceivedWebhook): boolean => webhook.body.includes(of.referral);
const numbersOf = (webhooks: readonly ReceivedWebhook[]): string[] => webhooks.map((one) => readNotification(one).numbers[0]!);
const secretOf = (partner: string) => notifications.db.transaction((tx) => addSecret(tx, notifications.sealer, partner));
const audits = () => notifications.test.admin<{ partner: string; patient: string; resources: string[]; owners: string[] }>(`SELECT partner, patient, resources, owners FROM audit.entry WHERE interaction = 'deliver' ORDER BY recorded_at`);

describe('a delivery', () => {
  it('is a signed Bundle in which every reference it names is an entry, and leaves an attempt with its snapshot and an audit entry', async () => {
    const { secret } = await secretOf('rapid-response');
    receiver.trust(secret);
    const of = await notifications.referral();
    const body = (await notifications.test.admin<{ body: string }>(`SELECT body::text FROM referrals.resource WHERE id = $1`, [of.referral]))[0]!.body;
    const id = await notifications.subscribed('rapid-response', `${receiver.url}hook?x=1`);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', of));
    const [webhook] = await receiver.waitFor(1);
    expect(webhook).toMatchObject({ method: 'POST', path: '/hook?x=1', signature: 'valid', headers: { 'content-type': 'application/fhir+json; charset=utf-8' } });
    expect(readNotification(webhook!)).toMatchObject({
      type: 'event-notification', status: 'active', total: '1', numbers: ['1'], focus: `ServiceRequest/${of.referral}`, context: [`Task/${of.task}`],
      resources: [`ServiceRequest/${of.referral}`, `Task/${of.task}`],
    });
    expect(webhook!.body).toContain(`"resource":${body},`);
    await notifications.untilStates(id, ['delivered']);
    expect(webhook!.headers['webhook-id']).toBe(`msg_${(await notifications.events(id))[0]!.id}`);
    expect(await audits()).toEqual([{ partner: 'rapid-response', patient: of.patient, resources: [`ServiceRequest/${of.referral}`, `Task/${of.task}`], owners: ['rapid-response'] }]);
    expect(await notifications.test.admin(`SELECT named, outcome, status, snapshot IS NOT NULL AS snapshot FROM notifications.attempt`)).toEqual([
      { named: [`ServiceRequest/${of.referral}`, `Task/${of.task}`], outcome: 'delivered', status: 200, snapshot: true },
    ]);
  });

  it.each([
    ['empty', undefined, 0, 0],
    ['id-only', 'ServiceRequest', 2, 0],
    ['full-resource', 'ServiceRequest', 2, 2],
  ])('holds as much as the subscription says: %s', async (content, focus, entries, resources) => {
    const of = await notifications.referral();
    await notifications.subscribed('rapid-response', receiver.url, { content });
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', of));
    const told = readNotification((await receiver.waitFor(1))[0]!);
    expect([told.focus?.split('/')[0], told.entries.length, told.resources.length, told.numbers]).toEqual([focus, entries, resources, ['1']]);
    if (content === 'empty') expect(await audits()).toEqual([]);
  });

  it('brings the telephone number of the service when nobody received the referral', async () => {
    const of = await notifications.referral();
    await notifications.service('gm.safe-zones');
    await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('unacknowledged', of, 2));
    const [webhook] = await receiver.waitFor(1);
    expect(readNotification(webhook!).context).toEqual([`Task/${of.task}`, 'HealthcareService/gm.safe-zones']);
    expect(webhook!.body).toContain('01632 960001');
  });

  it('is signed with both secrets while one is being replaced', async () => {
    const [old, young] = [await secretOf('rapid-response'), await secretOf('rapid-response')];
    expect(young.othersUntil).not.toBeNull();
    receiver.trust(old.secret);
    await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', await notifications.referral()));
    await receiver.waitFor(1);
    receiver.trust(young.secret);
    await notifications.handle(referralEvent('requested', await notifications.referral()));
    const webhooks = await receiver.waitFor(2);
    expect(webhooks.map(({ signature }) => signature)).toEqual(['valid', 'valid']);
    expect(String(webhooks[0]!.headers['webhook-signature']).split(' ')).toHaveLength(2);
  });

  it('of a version that was overtaken names its focus and brings no resource', async () => {
    const of = await notifications.referral();
    const id = await notifications.subscribed('rapid-response', receiver.url);
    await notifications.handle(referralEvent('requested', of));
    await notifications.amend(of);
    await notifications.handle(referralEvent('accepted', of, 2, { at: 2 }));
    notifications.startWorkers();
    const [older, newer] = (await receiver.waitFor(2)).map((one) => readNotification(one));
    expect(older).toMatchObject({ numbers: ['1'], focus: `ServiceRequest/${of.referral}`, resources: [], entries: [`ServiceRequest/${of.referral}`, `Task/${of.task}`] });
    expect(newer).toMatchObject({ numbers: ['2'], resources: [`ServiceRequest/${of.referral}`, `Task/${of.task}`] });
    await notifications.untilStates(id, ['delivered', 'delivered']);
  });

  it('withholds where a restricted person lives', async () => {
    const of = await notifications.referral();
    await notifications.test.admin(`UPDATE directory.resource SET body = $2::json WHERE id = $1`, [
      of.patient, JSON.stringify({ resourceType: 'Patient', id: of.patient, meta: { security: [{ code: 'R' }] }, address: [{ city: 'Bolton' }], telecom: [{ value: '01632 960002' }] }),
    ]);
    await notifications.show(`Patient/${of.patient}`, of.patient, 'safe-zones');
    await notifications.subscribed('safe-zones', receiver.url, { topic: 'access' });
    notifications.startWorkers();
    await notifications.handle(eventOf('baton.consent.decision-recorded.v1', 'd1', 1, { decision: 'd1', patient: of.patient, owner: 'rapid-response', recipients: ['safe-zones'], status: 'active', effect: 'permit', basis: 'explicit', dataref: 'Consent/d1/_history/1' }));
    const [webhook] = await receiver.waitFor(1);
    expect(readNotification(webhook!).resources).toEqual([`Patient/${of.patient}`]);
    expect(webhook!.body).toContain('SUBSETTED');
    expect(webhook!.body).not.toMatch(/Bolton|01632/);
  });
});

describe('consent', () => {
  const shared = async (of: TestReferral, endpoint = receiver.url): Promise<string> => {
    const id = await notifications.subscribed('safe-zones', endpoint);
    await notifications.share(of, 'safe-zones');
    await notifications.handle(sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }));
    return id;
  };

  it('withdrawn between queueing and sending leaves a bare number, which nobody audits as a disclosure', async () => {
    const of = await notifications.referral();
    const id = await shared(of);
    await notifications.unshare(of, 'safe-zones');
    notifications.startWorkers();
    const [webhook] = await receiver.waitFor(1);
    expect(readNotification(webhook!)).toMatchObject({ numbers: ['1'], focus: undefined, context: [], entries: [] });
    expect(webhook!.body).not.toContain(of.referral);
    await notifications.untilStates(id, ['delivered']);
    expect(await audits()).toEqual([]);
  });

  it('is asked again for each retry', async () => {
    const of = await notifications.referral();
    receiver.answerAlways({ status: 503 });
    const id = await shared(of);
    notifications.startWorkers({ ...QUICK, schedule: { pauses: [400], urgentEvery: 400 } });
    expect((await receiver.waitFor(1))[0]!.body).toContain(of.referral);
    await notifications.unshare(of, 'safe-zones');
    receiver.answerAlways({ status: 200 });
    const [first, second] = await receiver.waitFor(2);
    expect(second!.body).not.toContain(of.referral);
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    await notifications.untilStates(id, ['delivered']);
  });

  it('that was withdrawn is told after what was queued before, by id and without content', async () => {
    const of = await notifications.referral();
    const id = await shared(of);
    notifications.startWorkers();
    await notifications.untilStates(id, ['delivered']);
    await notifications.stopWorkers();
    await notifications.handle(referralEvent('received', of, 2));
    await notifications.unshare(of, 'safe-zones');
    await notifications.handle(sharingEvent('withdrawn', of, 2, { lost: ['safe-zones'] }));
    notifications.startWorkers();
    const [, bare, notice] = (await receiver.waitFor(3)).map((one) => readNotification(one));
    expect(bare).toMatchObject({ numbers: ['2'], focus: undefined, entries: [] });
    expect(notice).toMatchObject({ numbers: ['3'], focus: `ServiceRequest/${of.referral}`, context: [], resources: [], entries: [`ServiceRequest/${of.referral}`] });
    expect(notice!.bundle.entry![1]).toMatchObject({ request: { method: 'DELETE' }, response: { status: '410', outcome: { issue: [{ details: { coding: [{ code: 'access-lost' }] } }] } } });
  });

  /** The withdrawal is handled while the lane is leased: it waits for the end of that transaction. */
  const withdrawMeanwhile = async (of: TestReferral): Promise<{ handled: Promise<void> }> => {
    await notifications.unshare(of, 'safe-zones');
    const handled = notifications.handle(sharingEvent('withdrawn', of, 2, { lost: ['safe-zones'] }));
    await eventually(async () => (await notifications.test.admin(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)).length > 0);
    return { handled };
  };

  it('withdrawn before an attempt begins: it names nothing, even if its lane was leased before', async () => {
    const of = await notifications.referral();
    const id = await shared(of);
    const token = randomUUID();
    const [claims, withdrawal] = await notifications.db.transaction(async (tx) => {
      await lease(tx, randomUUID(), token, new Map(), 8);
      const meanwhile = await withdrawMeanwhile(of);
      return [await begin(tx, token, performance.now()), meanwhile];
    });
    await withdrawal.handled;
    expect(claims.map(({ begun }) => [begun!.event.number, begun!.seen])).toEqual([[1, []]]);
    expect((await notifications.events(id)).map(({ kind }) => kind)).toEqual(['shared']);
  });

  it('withdrawn while an attempt begins that names what was lost: the notice follows it', async () => {
    const of = await notifications.referral();
    const id = await shared(of);
    const note = statement(`INSERT INTO notifications.attempt (id, subscription, number, snapshot, named) VALUES (gen_random_uuid(), $1, 1, pg_current_snapshot(), $2)`);
    const withdrawal = await notifications.db.transaction(async (tx) => {
      await lease(tx, randomUUID(), randomUUID(), new Map(), 8);
      await tx.query(note, [id, [`ServiceRequest/${of.referral}`]]);
      return withdrawMeanwhile(of);
    });
    await withdrawal.handled;
    expect((await notifications.events(id)).map(({ kind }) => kind)).toEqual(['shared', 'access-lost']);
  });

  it('is not asked so long before the first byte that it may be out of date: a stale attempt is abandoned and claimed anew', async () => {
    const of = await notifications.referral();
    const id = await shared(of);
    notifications.startWorkers({ ...QUICK, freshMs: -1 });
    const outcomes = () => notifications.test.admin<{ outcome: string }>(`SELECT outcome FROM notifications.attempt LIMIT 2`);
    await eventually(async () => (await outcomes()).filter(({ outcome }) => outcome === 'abandoned').length === 2);
    expect(receiver.received).toEqual([]);
    expect((await notifications.events(id))[0]).toMatchObject({ attempts: 0 });
  });
});

describe('a delivery that fails', () => {
  it('is tried again under the same id, and parked when the schedule is exhausted while others get through', async () => {
    const [bad, good] = [await notifications.referral(), await notifications.referral()];
    receiver.answerAlways((webhook) => ({ status: about(bad)(webhook) ? 503 : 200 }));
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', bad));
    await receiver.waitFor(1, about(bad));
    await notifications.handle(referralEvent('requested', good), referralEvent('amended', bad, 2));
    await notifications.untilStates(id, ['parked', 'delivered', 'queued']);
    const tries = receiver.received.filter(about(bad));
    expect(tries).toHaveLength(3);
    expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(await notifications.statusOf(id)).toBe('active');
  });

  it('with an answer that nothing will change is parked at once, and others flow', async () => {
    const [bad, good] = [await notifications.referral(), await notifications.referral()];
    receiver.answerAlways((webhook) => ({ status: about(bad)(webhook) ? 422 : 200 }));
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', bad), referralEvent('requested', good), referralEvent('amended', bad, 2), referralEvent('amended', good, 2));
    await notifications.untilStates(id, ['parked', 'delivered', 'queued', 'delivered']);
    expect(receiver.received.filter(about(bad))).toHaveLength(1);
    receiver.answerAlways({ status: 200 });
    expect(await redriveSubscription(notifications.db, callerOf('rapid-response'), id)).toEqual({ events: 1, keys: 1 });
    await notifications.untilStates(id, ['delivered', 'delivered', 'delivered', 'delivered']);
    expect(numbersOf(receiver.received.filter(about(bad))).slice(-2)).toEqual(['1', '3']);
  });

  it('stops the subscription when nothing gets through; numbers go on, and its owner goes on from the first undelivered', async () => {
    const of = await notifications.referral();
    receiver.answerAlways('close');
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', of));
    await notifications.untilStatus(id, 'error');
    await notifications.handle(referralEvent('amended', of, 2));
    receiver.answerAlways({ status: 200 });
    const before = receiver.received.length;
    await notifications.update('rapid-response', id, subscriptionTo(receiver.url, { status: 'active' }));
    await notifications.untilStates(id, ['delivered', 'delivered']);
    expect(numbersOf(receiver.received.slice(before))).toEqual(['1', '2']);
  });

  it('with 410 stops the subscription at once', async () => {
    const of = await notifications.referral();
    receiver.answerAlways({ status: 410 });
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', of));
    await notifications.untilStatus(id, 'error');
    expect(receiver.received).toHaveLength(1);
    await notifications.untilStates(id, ['waiting']);
  });

  it('with a redirect is not followed', async () => {
    const other = await webhookReceiver();
    receiver.answerNext({ status: 302, headers: { location: other.url } });
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', await notifications.referral()));
    await notifications.untilStates(id, ['delivered']);
    expect([receiver.received.length, other.received.length]).toEqual([2, 0]);
    await other.close();
  });

  it('is let alone as long as the partner asks', async () => {
    receiver.answerNext({ status: 429, headers: { 'retry-after': '1' } });
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', await notifications.referral()));
    await notifications.untilStates(id, ['delivered']);
    expect(receiver.received[1]!.at - receiver.received[0]!.at).toBeGreaterThanOrEqual(990);
  });

  it('because the partner does not answer is given up after the time it asked for', async () => {
    receiver.answerNext('hang');
    const id = await notifications.subscribed('rapid-response', receiver.url, { extension: [{ url: `${BACKPORT}/StructureDefinition/backport-timeout`, valueUnsignedInt: 1 }] });
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', await notifications.referral()));
    await notifications.untilStates(id, ['delivered']);
    expect(await notifications.test.admin(`SELECT outcome, failure FROM notifications.attempt ORDER BY started_at`)).toEqual([{ outcome: 'retry', failure: 'timeout' }, { outcome: 'delivered', failure: null }]);
  });

  it('slows no other endpoint', async () => {
    const dead = await webhookReceiver();
    dead.answerAlways('hang');
    const [hanging, well] = [await notifications.subscribed('rapid-response', dead.url), await notifications.subscribed('rapid-response', receiver.url)];
    notifications.startWorkers();
    const referrals = await Promise.all(Array.from({ length: 12 }, () => notifications.referral()));
    await notifications.handle(...referrals.map((of) => referralEvent('requested', of)));
    await notifications.untilStates(well, referrals.map(() => 'delivered'));
    expect((await notifications.events(hanging)).some(({ state }) => state === 'delivered')).toBe(false);
    // Answered at last, so that nothing hangs when the worker stops.
    dead.answerAlways({ status: 200 });
    await dead.close();
  });
});

describe('order', () => {
  it('is kept per young person and subscription, over two Patients of one person, with several workers', async () => {
    const person = randomUUID();
    const [one, two] = [await notifications.referral({ person }), await notifications.referral({ person })];
    let atOnce = 0;
    let most = 0;
    receiver.answerAlways(() => {
      most = Math.max(most, ++atOnce);
      setTimeout(() => atOnce--, 10);
      return { status: 200, delay: 10 };
    });
    const id = await notifications.subscribed('rapid-response', receiver.url);
    for (let worker = 0; worker < 3; worker++) notifications.startWorkers();
    for (let version = 1; version <= 5; version++) await notifications.handle(referralEvent('amended', one, version), referralEvent('amended', two, version));
    await notifications.untilStates(id, Array.from({ length: 10 }, () => 'delivered'));
    expect(numbersOf(receiver.received)).toEqual(Array.from({ length: 10 }, (_, i) => String(i + 1)));
    expect(most).toBe(1);
  });

  it('holds later events of a person back while one waits, but never an alarm', async () => {
    const person = randomUUID();
    const [calm, urgent] = [await notifications.referral({ person }), await notifications.referral({ person, priority: 'stat' })];
    receiver.answerAlways((webhook) => ({ status: about(calm)(webhook) ? 503 : 200 }));
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers({ ...QUICK, schedule: { pauses: [60_000], urgentEvery: 40 } });
    await notifications.handle(referralEvent('requested', calm));
    await notifications.untilStates(id, ['waiting']);
    await notifications.handle(referralEvent('amended', calm, 2), referralEvent('requested', urgent));
    await notifications.untilStates(id, ['waiting', 'queued', 'delivered']);
    expect(receiver.received.filter(about(calm))).toHaveLength(1);
  });

  it('lets an alarm pass a parked key, and tries an alarm until it is received', async () => {
    const person = randomUUID();
    const [calm, urgent] = [await notifications.referral({ person }), await notifications.referral({ person, priority: 'asap' })];
    receiver.answerAlways((webhook) => ({ status: about(calm)(webhook) ? 400 : 500 }));
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', calm), referralEvent('requested', urgent));
    await receiver.waitFor(5, about(urgent), 10_000);
    receiver.answerAlways({ status: 200 });
    await notifications.untilStates(id, ['parked', 'delivered']);
  });
});

describe('what is due', () => {
  const UNASKED: typeof QUICK = { ...QUICK, busyMs: 60_000, idleMs: 60_000 };

  it('goes out without anybody looking for it unasked, however much of it there is for one endpoint or one person', async () => {
    let atOnce = 0;
    let most = 0;
    receiver.answerAlways(() => {
      most = Math.max(most, ++atOnce);
      setTimeout(() => atOnce--, 5);
      return { status: 200, delay: 5 };
    });
    const ids = [await notifications.subscribed('rapid-response', receiver.url), await notifications.subscribed('rapid-response', receiver.url)];
    const referrals = await Promise.all(Array.from({ length: 20 }, () => notifications.referral()));
    notifications.startWorkers(UNASKED);
    await notifications.handle(...[1, 2, 3].flatMap((version) => referrals.map((of) => referralEvent('amended', of, version))));
    for (const id of ids) await notifications.untilStates(id, Array.from({ length: 60 }, () => 'delivered'));
    expect(most).toBe(8);
  });

  it('leaves no lane behind', async () => {
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', await notifications.referral()));
    await notifications.untilStates(id, ['delivered']);
    expect(await notifications.test.admin('SELECT * FROM notifications.lane')).toEqual([]);
  });

  it('does not wait for other deliveries of its subscription to be recorded', async () => {
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    await notifications.handle(referralEvent('requested', await notifications.referral()));
    await notifications.untilStates(id, ['delivered']);
    await notifications.db.transaction(async (tx) => {
      await tx.query(statement('SELECT FROM notifications.channel_health FOR UPDATE'));
      await notifications.handle(referralEvent('requested', await notifications.referral()));
      await notifications.untilStates(id, ['delivered', 'delivered']);
    });
  });
});

describe('a hint', () => {
  it('reaches the worker it is for and no other', () => {
    const heard: string[] = [];
    const stops = (['deliveries', 'handshakes', 'messages'] as const).map((errand) => onWoken(errand, () => heard.push(errand)));
    wake('deliveries');
    wake('messages');
    stops.forEach((stop) => stop());
    wake('handshakes');
    expect(heard).toEqual(['deliveries', 'messages']);
  });
});

describe('among alarms of a person', () => {
  const next = async (): Promise<number | undefined> => {
    const [leased] = await claim(notifications.db, randomUUID(), new Map(), 8);
    await release(notifications.db, leased!);
    return leased!.begun?.event.number;
  };

  it('older ones go first, and a fresh one before one that waited and is due again', async () => {
    const of = await notifications.referral({ priority: 'stat' });
    const id = await notifications.subscribed('rapid-response', receiver.url);
    await notifications.handle(referralEvent('requested', of), referralEvent('amended', of, 2), referralEvent('amended', of, 3));
    expect(await next()).toBe(1);
    await notifications.test.admin(`UPDATE notifications.event SET state = 'waiting' WHERE subscription = $1 AND number = 1`, [id]);
    expect(await next()).toBe(2);
    await notifications.test.admin(`UPDATE notifications.event SET state = 'waiting' WHERE subscription = $1`, [id]);
    expect(await next()).toBe(1);
    await notifications.test.admin(`UPDATE notifications.event SET next_at = now() + interval '1 hour' WHERE subscription = $1 AND number < 3`, [id]);
    expect(await next()).toBe(3);
  });
});

describe('a worker that dies', () => {
  it('loses its lanes to others, and what it did not record is delivered again under the same id', async () => {
    const of = await notifications.referral();
    const id = await notifications.subscribed('rapid-response', receiver.url);
    await notifications.handle(referralEvent('requested', of));
    const dead = randomUUID();
    await signOfLife(notifications.db, dead);
    const [leased] = await claim(notifications.db, dead, new Map(), 8);
    expect(await claim(notifications.db, randomUUID(), new Map(), 8)).toEqual([]);
    await notifications.test.admin(`UPDATE notifications.worker SET until = now() - interval '1 second' WHERE id = $1`, [dead]);
    notifications.startWorkers();
    await notifications.untilStates(id, ['delivered']);
    // It wakes up late: what it says of a failure counts for nothing.
    await record(notifications.db, leased!, leased!.begun!, { verdict: 'parked', answer: { status: 400 } });
    expect((await notifications.events(id))[0]).toMatchObject({ state: 'delivered' });
  });
});

describe('the deliveries of a partner', () => {
  it('are its own, with their attempts, and name their focus only as long as it may know', async () => {
    const of = await notifications.referral();
    receiver.answerNext({ status: 500 });
    const id = await notifications.subscribed('safe-zones', receiver.url);
    await notifications.share(of, 'safe-zones');
    notifications.startWorkers();
    await notifications.handle(sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }));
    await notifications.untilStates(id, ['delivered']);
    const [delivery] = await listDeliveries(notifications.db, callerOf('safe-zones'), { limit: 10, state: 'delivered' });
    expect(delivery).toMatchObject({ subscription: id, number: 1, kind: 'shared', focus: `ServiceRequest/${of.referral}`, state: 'delivered' });
    expect((await readDelivery(notifications.db, callerOf('safe-zones'), delivery!.id)).history.map(({ outcome, status }) => [outcome, status])).toEqual([['retry', 500], ['delivered', 200]]);
    expect(await listDeliveries(notifications.db, callerOf('rapid-response'), { limit: 10 })).toEqual([]);
    await expect(readDelivery(notifications.db, callerOf('rapid-response'), delivery!.id)).rejects.toMatchObject({ kind: 'unknown' });
    await expect(resend(notifications.db, callerOf('rapid-response'), delivery!.id)).rejects.toMatchObject({ kind: 'unknown' });
    await expect(redriveSubscription(notifications.db, callerOf('rapid-response'), id)).rejects.toMatchObject({ kind: 'unknown' });
    await notifications.unshare(of, 'safe-zones');
    expect((await listDeliveries(notifications.db, callerOf('safe-zones'), { limit: 10 }))[0]).not.toHaveProperty('focus');
  });

  it('are sent again on request, under the same id, and shown page by page', async () => {
    const id = await notifications.subscribed('rapid-response', receiver.url);
    notifications.startWorkers();
    for (let i = 0; i < 3; i++) await notifications.handle(referralEvent('requested', await notifications.referral()));
    await notifications.untilStates(id, ['delivered', 'delivered', 'delivered']);
    const page = await listDeliveries(notifications.db, callerOf('rapid-response'), { limit: 2 });
    const rest = await listDeliveries(notifications.db, callerOf('rapid-response'), { limit: 2, after: page.at(-1)!.id });
    expect([...page, ...rest].map(({ number }) => number)).toEqual([3, 2, 1]);
    await resend(notifications.db, callerOf('rapid-response'), rest[0]!.id);
    const again = await receiver.waitFor(2, ({ headers }) => headers['webhook-id'] === `msg_${rest[0]!.id}`);
    expect(numbersOf(again)).toEqual(['1', '1']);
    await expect(resend(notifications.db, callerOf('rapid-response'), randomUUID())).rejects.toMatchObject({ kind: 'unknown' });
  });
});
