import { openNotifications, callerOf, readNotification, referralEvent, sharingEvent, BASE, type TestNotifications } from './spec/notifications-database.js';
import { subscriptionEvents } from './subscription-events.service.js';
import { subscriptionStatus } from './subscription-status.service.js';

let notifications: TestNotifications;

beforeAll(async () => {
  notifications = await openNotifications();
});
afterAll(() => notifications.close());
afterEach(() => notifications.forget());

const URL = 'http://127.0.0.1:9/';
const events = (partner: string, id: string, query = {}) => subscriptionEvents(notifications.db, callerOf(partner), BASE, id, query);
const status = async (partner: string, query = {}): Promise<{ entry: { resource: { parameter: { name: string; valueCode?: string }[] } }[] }> =>
  JSON.parse(await subscriptionStatus(notifications.db, callerOf(partner), BASE, query)) as never;

describe('$events', () => {
  it('tells the numbers asked for, both ends included, as much as is asked', async () => {
    const id = await notifications.subscribed('rapid-response', URL);
    const referrals = await Promise.all([1, 2, 3, 4].map(() => notifications.referral()));
    for (const of of referrals) await notifications.handle(referralEvent('requested', of));
    const told = readNotification(await events('rapid-response', id, { since: 2, until: 3 }));
    expect(told).toMatchObject({ type: 'query-event', total: '4', numbers: ['2', '3'] });
    expect(told.resources).toHaveLength(4);
    expect(readNotification(await events('rapid-response', id, { content: 'empty' }))).toMatchObject({ numbers: ['1', '2', '3', '4'], entries: [] });
    await expect(events('rapid-response', id, { content: 'all' })).rejects.toMatchObject({ kind: 'malformed' });
  });

  it('asks for consent again, audits whom it showed, and counts as having told', async () => {
    const [kept, withdrawn] = [await notifications.referral(), await notifications.referral()];
    const id = await notifications.subscribed('safe-zones', URL);
    for (const of of [kept, withdrawn]) {
      await notifications.share(of, 'safe-zones');
      await notifications.handle(sharingEvent('allowed', of, 1, { gained: ['safe-zones'] }));
    }
    await notifications.unshare(withdrawn, 'safe-zones');
    const text = await events('safe-zones', id);
    expect(readNotification(text)).toMatchObject({ numbers: ['1', '2'], resources: [`ServiceRequest/${kept.referral}`, `Task/${kept.task}`] });
    expect(text).not.toContain(withdrawn.referral);
    expect(await notifications.test.admin(`SELECT partner, patient FROM audit.entry WHERE interaction = 'operation'`)).toEqual([{ partner: 'safe-zones', patient: kept.patient }]);
    await notifications.unshare(kept, 'safe-zones');
    for (const of of [kept, withdrawn]) await notifications.handle(sharingEvent('withdrawn', of, 2, { lost: ['safe-zones'] }));
    expect((await notifications.events(id)).map(({ kind, focus }) => `${kind} ${focus}`).slice(2)).toEqual([`access-lost ServiceRequest/${kept.referral}`]);
  });

  it('is answered to others as if there were no such Subscription', async () => {
    const id = await notifications.subscribed('safe-zones', URL);
    const [theirs, none] = await Promise.all([events('rapid-response', id), events('rapid-response', 'none')].map((asked) => asked.catch((error: unknown) => JSON.stringify(error))));
    expect(theirs).toBe(none);
  });
});

describe('$status', () => {
  it('shows own subscriptions alone, narrowed by id and status, any of several', async () => {
    const [active, error] = [await notifications.subscribed('safe-zones', URL), await notifications.subscribed('safe-zones', URL, {}, 'error')];
    await notifications.subscribed('rapid-response', URL);
    const shown = async (query: object): Promise<number> => (await status('safe-zones', query)).entry.length;
    expect([await shown({}), await shown({ ids: [active] }), await shown({ statuses: ['error'] }), await shown({ statuses: ['error', 'active'] }), await shown({ ids: [error], statuses: ['active'] })]).toEqual([2, 1, 1, 2, 0]);
    await expect(status('rapid-response', { instance: active })).rejects.toMatchObject({ kind: 'unknown' });
  });
});
