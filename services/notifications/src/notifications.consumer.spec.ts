import { TOPICS } from '@baton/contracts';
import { notificationHandlers } from './notifications.consumer.js';
import { eventOf, openNotifications, referralEvent, sharingEvent, type TestNotifications } from './spec/notifications-database.js';

let notifications: TestNotifications;

beforeAll(async () => {
  notifications = await openNotifications();
});
afterAll(() => notifications.close());
// What earlier tests subscribed to does not listen to later ones.
afterEach(() => notifications.test.admin(`UPDATE notifications.subscription SET status = 'off'`));

const URL = 'http://127.0.0.1:9/';
const told = async (subscription: string): Promise<string[]> => (await notifications.events(subscription)).map(({ number, kind, focus }) => `${number} ${kind} ${focus}`);
const attempt = (subscription: string, number: number, ...named: string[]) =>
  notifications.test.admin(`INSERT INTO notifications.attempt (id, subscription, number, snapshot, named) VALUES (gen_random_uuid(), $1, $2, pg_current_snapshot(), $3)`, [subscription, number, named]);

describe('a domain event', () => {
  it('of every topic has a handler', () => {
    const handlers = notificationHandlers();
    expect(TOPICS.flatMap(({ events }) => events).filter((type) => !handlers[type])).toEqual([]);
  });

  it('is queued for those who see its focus, its own maker among them, and for nobody else', async () => {
    const of = await notifications.referral();
    const [referrer, receiver, stranger] = [await notifications.subscribed('rapid-response', URL), await notifications.subscribed('safe-zones', URL), await notifications.subscribed('liaison', URL)];
    await notifications.handle(referralEvent('requested', of));
    expect([await told(referrer), await told(receiver), await told(stranger)]).toEqual([[`1 transition ServiceRequest/${of.referral}`], [], []]);
    await notifications.share(of, 'safe-zones');
    await notifications.handle(referralEvent('received', of, 2));
    expect([await told(referrer), await told(receiver), await told(stranger)].map((all) => all.length)).toEqual([2, 1, 0]);
  });

  it('is told once per focus, version and kind, however often it is handled', async () => {
    const of = await notifications.referral();
    const id = await notifications.subscribed('rapid-response', URL);
    await notifications.handle(referralEvent('requested', of), referralEvent('requested', of));
    await notifications.handle(referralEvent('requested', of));
    await notifications.handle(referralEvent('received', of, 2));
    expect((await notifications.events(id)).map(({ number, version }) => `${number}:${version}`)).toEqual(['1:1', '2:2']);
  });

  it('passes only filters that all hold', async () => {
    const of = await notifications.referral({ priority: 'urgent' });
    const subscribe = (...filters: string[]) => notifications.subscribed('rapid-response', URL, { filters });
    const [both, other, either, service] = [
      await subscribe(`ServiceRequest?patient=Patient/${of.patient}`, 'status=accepted'),
      await subscribe(`patient=${of.patient}`, 'status=rejected'),
      await subscribe('status=rejected,accepted', 'ServiceRequest.priority=http://hl7.org/fhir/request-priority|urgent'),
      await subscribe('performer=HealthcareService/gm.safe-zones'),
    ];
    await notifications.handle(referralEvent('accepted', of, 2, { data: { status: 'accepted' } }));
    expect(await Promise.all([both, other, either, service].map(async (id) => (await told(id)).length))).toEqual([1, 0, 1, 1]);
  });

  it('about a record is queued with its present status where a filter asks and the event is silent', async () => {
    const of = await notifications.referral();
    await notifications.contact(of, 'e-1', 'safe-zones');
    const [finished, planned] = [await notifications.subscribed('safe-zones', URL, { topic: 'episode', filters: ['Encounter?status=finished'] }), await notifications.subscribed('safe-zones', URL, { topic: 'episode', filters: ['status=planned'] })];
    await notifications.handle(eventOf('baton.episodes.contact-recorded.v1', 'e-1', 1, { resource: 'Encounter/e-1', patient: of.patient, owner: 'safe-zones', referral: of.referral, dataref: 'Encounter/e-1/_history/1' }));
    expect([await told(finished), await told(planned)]).toEqual([['1 transition Encounter/e-1'], []]);
  });

  it('that nobody received the referral names the service to telephone', async () => {
    const of = await notifications.referral();
    const id = await notifications.subscribed('rapid-response', URL);
    await notifications.handle(referralEvent('unacknowledged', of, 2));
    expect(await notifications.test.admin(`SELECT refs FROM notifications.event WHERE subscription = $1`, [id])).toEqual([
      { refs: [`ServiceRequest/${of.referral}`, `Task/${of.task}`, 'HealthcareService/gm.safe-zones'] },
    ]);
  });
});

describe('numbers', () => {
  it('have no gaps and none twice when many transactions number at once', async () => {
    const ids = await Promise.all(['rapid-response', 'rapid-response', 'rapid-response'].map((partner) => notifications.subscribed(partner, URL)));
    const referrals = await Promise.all(Array.from({ length: 8 }, () => notifications.referral()));
    await Promise.all(referrals.flatMap((of) => [1, 3, 5].map((version) => notifications.handle(referralEvent('amended', of, version), referralEvent('amended', of, version + 1)))));
    for (const id of ids) expect((await notifications.events(id)).map(({ number }) => Number(number))).toEqual(Array.from({ length: 48 }, (_, i) => i + 1));
  });

  it('are not used up by what is rolled back', async () => {
    const of = await notifications.referral();
    const id = await notifications.subscribed('rapid-response', URL);
    const poison = { ...referralEvent('amended', of, 2), time: 'not a time' };
    await expect(notifications.handle(referralEvent('requested', of), poison)).rejects.toThrow();
    await notifications.handle(referralEvent('requested', of));
    expect(await told(id)).toEqual([`1 transition ServiceRequest/${of.referral}`]);
  });

  it('go on while a subscription is in error, and stop when it is off', async () => {
    const of = await notifications.referral();
    const [error, off] = [await notifications.subscribed('rapid-response', URL, {}, 'error'), await notifications.subscribed('rapid-response', URL, {}, 'off')];
    await notifications.handle(referralEvent('requested', of));
    expect([(await told(error)).length, (await told(off)).length]).toEqual([1, 0]);
  });
});

describe('sharing that is allowed', () => {
  it('tells the present version to those who gained, on the topics of referrals and of access', async () => {
    const of = await notifications.referral();
    const [referrer, receiver, access] = [await notifications.subscribed('rapid-response', URL), await notifications.subscribed('safe-zones', URL), await notifications.subscribed('safe-zones', URL, { topic: 'access' })];
    await notifications.share(of, 'safe-zones');
    await notifications.handle(sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }));
    expect([await told(referrer), await told(receiver), await told(access)]).toEqual([[], [`1 shared ServiceRequest/${of.referral}`], [`1 shared ServiceRequest/${of.referral}`]]);
    expect(await notifications.test.admin(`SELECT refs, versions FROM notifications.event WHERE subscription = $1`, [receiver])).toEqual([{ refs: [`ServiceRequest/${of.referral}`, `Task/${of.task}`], versions: [1, 1] }]);
  });

  it.each([
    ['first', ['allowed', 'requested']],
    ['last', ['requested', 'allowed']],
  ])('tells each partner of the new referral once when it comes %s', async (_when, order) => {
    const of = await notifications.referral();
    const receiver = await notifications.subscribed('safe-zones', URL);
    await notifications.share(of, 'safe-zones');
    for (const name of order) await notifications.handle(name === 'allowed' ? sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }) : referralEvent('requested', of));
    expect(await told(receiver)).toHaveLength(1);
  });

  it('is not told if it was taken back by the time it is handled', async () => {
    const of = await notifications.referral();
    const receiver = await notifications.subscribed('safe-zones', URL);
    await notifications.handle(sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }));
    expect(await told(receiver)).toEqual([]);
  });

  it('passes filters by what the referral says at present', async () => {
    const of = await notifications.referral({ priority: 'stat' });
    const subscribe = (...filters: string[]) => notifications.subscribed('safe-zones', URL, { filters });
    const [fits, not] = [await subscribe('priority=stat', 'status=requested', 'performer=gm.safe-zones'), await subscribe('status=accepted')];
    await notifications.share(of, 'safe-zones');
    await notifications.handle(sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }));
    expect([(await told(fits)).length, (await told(not)).length]).toEqual([1, 0]);
    expect(await notifications.test.admin(`SELECT urgent FROM notifications.event WHERE subscription = $1`, [fits])).toEqual([{ urgent: true }]);
  });
});

describe('sharing that is withdrawn', () => {
  const lose = async (of: Parameters<typeof sharingEvent>[1], version = 2): Promise<void> => {
    await notifications.unshare(of, 'safe-zones');
    await notifications.handle(sharingEvent('withdrawn', of, version, { lost: ['safe-zones'] }));
  };

  it('is told to every subscription, whatever its topic, that an attempt named the referral to, after the numbers before', async () => {
    const of = await notifications.referral();
    const subscribe = (topic?: string) => notifications.subscribed('safe-zones', URL, topic === undefined ? {} : { topic });
    const [named, access, unnamed] = [await subscribe(), await subscribe('access'), await subscribe()];
    await notifications.share(of, 'safe-zones');
    await notifications.handle(sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }), referralEvent('received', of, 2));
    const focus = `ServiceRequest/${of.referral}`;
    await attempt(named, 1, focus);
    await attempt(access, 1, focus);
    await attempt(unnamed, 1);
    await lose(of);
    expect([(await told(named)).at(-1), (await told(access)).at(-1), (await told(unnamed)).length]).toEqual([`3 access-lost ${focus}`, `2 access-lost ${focus}`, 2]);
  });

  it('is told of other things of the referral too, but not of what the partner owns or still sees', async () => {
    const of = await notifications.referral();
    const [own, lent] = [`Encounter/own-${of.referral}`, `Encounter/lent-${of.referral}`];
    const id = await notifications.subscribed('safe-zones', URL, { topic: 'episode' });
    for (const [reference, owner] of [[own, 'safe-zones'], [lent, 'liaison']] as const) {
      await notifications.contact(of, reference.split('/')[1]!, owner);
      await notifications.show(reference, of.patient, 'safe-zones');
      await notifications.handle(eventOf('baton.episodes.contact-recorded.v1', reference.split('/')[1]!, 1, { resource: reference, patient: of.patient, owner, referral: of.referral, status: 'finished', dataref: `${reference}/_history/1` }));
    }
    await attempt(id, 1, own);
    await attempt(id, 2, lent);
    await lose(of);
    expect(await told(id)).toEqual([`1 transition ${own}`, `2 transition ${lent}`, `3 access-lost ${lent}`]);
  });

  it('is told again when access was given again and lost again, and each gain is told too', async () => {
    const of = await notifications.referral();
    const focus = `ServiceRequest/${of.referral}`;
    const id = await notifications.subscribed('safe-zones', URL);
    for (const round of [0, 1]) {
      await notifications.share(of, 'safe-zones');
      await notifications.handle(sharingEvent('allowed', of, 1 + 2 * round, { gained: ['safe-zones'] }));
      await attempt(id, 1 + 2 * round, focus);
      await lose(of, 2 + 2 * round);
    }
    expect(await told(id)).toEqual([`1 shared ${focus}`, `2 access-lost ${focus}`, `3 shared ${focus}`, `4 access-lost ${focus}`]);
  });

  it('by a decision beyond one referral is told of whatever that person\'s records no longer show', async () => {
    const of = await notifications.referral();
    const id = await notifications.subscribed('safe-zones', URL);
    await notifications.share(of, 'safe-zones');
    await notifications.handle(sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }));
    await attempt(id, 1, `ServiceRequest/${of.referral}`);
    const facts = { decision: 'd-9', patient: of.patient, owner: 'rapid-response', recipients: [], status: 'active', effect: 'deny', basis: 'refusal', dataref: 'Consent/d-9/_history/1' };
    await notifications.handle(eventOf('baton.consent.decision-recorded.v1', 'd-9', 1, facts));
    expect(await told(id)).toHaveLength(1);
    await notifications.unshare(of, 'safe-zones');
    await notifications.handle(eventOf('baton.consent.decision-amended.v1', 'd-9', 2, { ...facts, dataref: 'Consent/d-9/_history/2' }));
    await notifications.handle(sharingEvent('withdrawn', of, 2, { lost: ['safe-zones'] }));
    expect(await told(id)).toEqual([`1 shared ServiceRequest/${of.referral}`, `2 access-lost ServiceRequest/${of.referral}`]);
  });
});
