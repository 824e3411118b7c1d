import type { BatonEvent } from '@baton/contracts';
import { refuse } from '@baton/kernel';
import { statement, type Tx } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { Consumer } from './consumer.js';
import { trimInbox } from './inbox.js';
import { Forgotten, LIFE } from './life.js';
import type { Parked } from './parked-queries.js';
import { gate } from './spec/gate.js';
import { ACCEPTED, recorder, travelling, twoServices, type TwoServices } from './spec/two-services.js';
import type { Received } from './transport.js';

const effect = statement('INSERT INTO consent.effect (key, version) VALUES ($1, $2)');

/** A handler whose effect can be seen, and whose failures a test decides. */
const applies =
  (fails: (event: BatonEvent) => Error | undefined = () => undefined) =>
  async (tx: Tx, event: BatonEvent): Promise<void> => {
    await tx.query(effect, [event.key, event.version]);
    const error = fails(event);
    if (error) throw error;
  };

const batchOf = (...events: BatonEvent[]): Received[] => events.map((event, i) => ({ event, partition: 0, offset: String(i) }));

class Poison extends Error {}

const parkedIn = async ({ parking }: Consumer): Promise<readonly Parked[]> => (await parking.list()).items;

describe('A consumer', () => {
  let services: TwoServices;
  beforeAll(async () => void (services = await twoServices()));
  afterAll(() => services.drop());
  afterEach(() => services.test.admin('TRUNCATE consent.inbox, consent.parked_key, consent.parked, consent.discarded, consent.effect'));

  const consumer = (handle: ReturnType<typeof applies>, group = 'consent'): Consumer =>
    new Consumer({ database: services.consent, schema: 'consent', transport: recorder(), group, handlers: { [ACCEPTED]: handle } });
  const effects = async (): Promise<string[]> =>
    (await services.test.admin<{ name: string }>(`SELECT key || ':' || version AS name FROM consent.effect ORDER BY place`)).map(({ name }) => name);

  it('applies each event once, in order, however often it comes', async () => {
    const [one, two, three] = [travelling('a', 1), travelling('a', 2), travelling('b', 1)];
    const under = consumer(applies());
    await under.handle(batchOf(one, two, two));
    await under.handle(batchOf(one, two, three));
    expect(await effects()).toEqual(['a:1', 'a:2', 'b:1']);
    expect(under.status()).toMatchObject({ handled: 3, duplicates: 3 });
  });

  it('gives an event that comes again among fresh ones no second effect, and the fresh ones theirs', async () => {
    const [one, two, three] = [travelling('a', 1), travelling('b', 1), travelling('a', 2)];
    const begun: string[] = [];
    const under = consumer(applies(({ key, version }) => void begun.push(`${key}:${version}`)));
    await under.handle(batchOf(one));
    await under.handle(batchOf(two, one, three));
    expect(await effects()).toEqual(['a:1', 'b:1', 'a:2']);
    expect(under.status()).toMatchObject({ handled: 3, duplicates: 1 });
    // The batch was taken for fresh and begun; that was undone, and it was done once more with what was fresh.
    expect(begun).toEqual(['a:1', 'b:1', 'b:1', 'a:2']);
    await under.handle(batchOf(one, two));
    expect(begun).toHaveLength(4);
  });

  it('undoes what it began when another instance turns out to have handled the event, even if the handler stumbled over that', async () => {
    const event = travelling('a', 1);
    const [begun, handled] = [gate(), gate()];
    // Another instance is handling it, and commits once this one has begun.
    const other = services.consent.transaction(async (tx) => {
      await tx.query(statement(`INSERT INTO consent.inbox (consumer, event_id) VALUES ('consent', $1)`), [event.id]);
      handled.open();
      await begun.opened;
      await eventually(async () => (await services.test.admin(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)).length > 0);
    });
    await handled.opened;
    const under = consumer(async (tx, { key, version }) => {
      begun.open();
      await tx.query(effect, [key, version]);
      throw new Poison();
    });
    await Promise.all([under.handle(batchOf(event)), other]);
    expect(await effects()).toEqual([]);
    expect(await parkedIn(under)).toEqual([]);
    expect(under.status()).toMatchObject({ handled: 0, duplicates: 1, parked: 0 });
  });

  it('has no effect when the database has recovered from a crash since the position was learnt', async () => {
    const under = consumer(applies());
    const batch = batchOf(travelling('a', 1));
    await expect(under.handle(batch, 'another life')).rejects.toThrow(Forgotten);
    expect(await effects()).toEqual([]);
    expect(await parkedIn(under)).toEqual([]);
    const [now] = await services.test.admin<{ life: string }>(`SELECT ${LIFE} AS life`);
    await under.handle(batch, now!.life);
    expect(await effects()).toEqual(['a:1']);
  });

  it('applies an event once when two instances get it at the same time', async () => {
    const events = Array.from({ length: 20 }, (_, i) => travelling('a', i + 1));
    await Promise.all([consumer(applies()), consumer(applies()), consumer(applies())].map((instance) => instance.handle(batchOf(...events))));
    expect(await effects()).toEqual(events.map(({ version }) => `a:${version}`));
  });

  it('applies an event once for each consumer', async () => {
    const event = travelling('a', 1);
    await consumer(applies(), 'one').handle(batchOf(event));
    await consumer(applies(), 'other').handle(batchOf(event));
    expect(await effects()).toEqual(['a:1', 'a:1']);
  });

  it('parks the key of an event it cannot apply, with all that follows it, and lets others flow', async () => {
    const under = consumer(applies(({ key, version }) => (key === 'bad' && version === 2 ? new Poison('of Jane Doe') : undefined)));
    await under.handle(batchOf(travelling('bad', 1), travelling('good', 1), travelling('bad', 2), travelling('bad', 3), travelling('good', 2)));
    await under.handle(batchOf(travelling('bad', 4), travelling('good', 3)));
    expect(await effects()).toEqual(['bad:1', 'good:1', 'good:2', 'good:3']);
    const [parked] = await parkedIn(under);
    expect(parked).toMatchObject({ consumer: 'consent', topic: 'baton.referrals.referral', key: 'bad', error: 'Poison', attempts: 3 });
    expect(parked?.events.map(({ version, from }) => [version, from])).toEqual([[2, '0/2'], [3, '0/3'], [4, '0/0']]);
    expect(parked?.lastSeen).toBeInstanceOf(Date);
    expect(JSON.stringify(parked)).not.toContain('Jane');
    expect(parked?.waiting).toBe(3);
    expect(await under.parking.count()).toBe(1);
    expect(under.status()).toMatchObject({ handled: 4, parked: 3 });
  });

  it('rolls back what a failing handler had done', async () => {
    await consumer(applies(() => new Poison())).handle(batchOf(travelling('a', 1)));
    expect(await effects()).toEqual([]);
  });

  it('does not park what passes by itself: the batch comes again', async () => {
    let away = true;
    const under = consumer(applies(() => (away ? refuse('unavailable', 'dependency-down', 'Try later.') : undefined)));
    const batch = batchOf(travelling('a', 1));
    await expect(under.handle(batch)).rejects.toThrow('dependency-down');
    expect(await parkedIn(under)).toEqual([]);
    away = false;
    await under.handle(batch);
    expect(await effects()).toEqual(['a:1']);
  });

  it('tries an event a few times before it parks the key', async () => {
    let failures = 3;
    const under = consumer(applies(() => (failures-- > 0 ? new Poison() : undefined)));
    await under.handle(batchOf(travelling('a', 1)));
    expect(await effects()).toEqual(['a:1']);
    expect(await parkedIn(under)).toEqual([]);
  });

  it('retries a parked key in order, up to the event that still fails', async () => {
    let bad: number | undefined = 1;
    const under = consumer(applies(({ version }) => (version === bad ? new Poison() : undefined)));
    await under.handle(batchOf(travelling('a', 1), travelling('a', 2), travelling('a', 3)));
    bad = 3;
    expect(await under.parking.retryAll()).toEqual([{ topic: 'baton.referrals.referral', key: 'a', applied: 2, stoppedBy: 'Poison' }]);
    expect((await parkedIn(under)).map(({ attempts, events }) => [attempts, events.length])).toEqual([[4, 1]]);
    bad = undefined;
    expect(await under.parking.retry({ topic: 'baton.referrals.referral', key: 'a' })).toEqual({ topic: 'baton.referrals.referral', key: 'a', applied: 1 });
    expect(await parkedIn(under)).toEqual([]);
    await under.handle(batchOf(travelling('a', 4)));
    expect(await effects()).toEqual(['a:1', 'a:2', 'a:3', 'a:4']);
  });

  it('makes an event wait that arrives while its key is being retried', async () => {
    let bad = true;
    let insideRetry = (): void => undefined;
    const retrying = new Promise<void>((resolve) => (insideRetry = resolve));
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const under = consumer(async (tx, event) => {
      if (bad && event.version === 1) throw new Poison();
      if (event.version === 1) {
        insideRetry();
        await held;
      }
      await tx.query(effect, [event.key, event.version]);
    });
    await under.handle(batchOf(travelling('a', 1)));
    bad = false;
    const retry = under.parking.retryAll();
    await retrying;
    const later = under.handle(batchOf(travelling('a', 2)));
    await eventually(async () => (await services.test.admin(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)).length > 0);
    letGo();
    await Promise.all([retry, later]);
    expect(await effects()).toEqual(['a:1', 'a:2']);
    expect(await parkedIn(under)).toEqual([]);
  });

  it('keeps later events parked when another instance parked the key while this one waited', async () => {
    let insideFirst = (): void => undefined;
    const parking = new Promise<void>((resolve) => (insideFirst = resolve));
    const first = travelling('a', 1);
    // Another instance is about to commit: the event handled, its key parked.
    const other = services.consent.transaction(async (tx) => {
      await tx.query(statement(`INSERT INTO consent.inbox (consumer, event_id) VALUES ('consent', $1)`), [first.id]);
      await tx.query(statement(`INSERT INTO consent.parked_key (consumer, topic, key, error, attempts) VALUES ('consent', 'baton.referrals.referral', 'a', 'Poison', 3)`));
      insideFirst();
      await eventually(async () => (await services.test.admin(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)).length > 0);
    });
    await parking;
    await consumer(applies()).handle(batchOf(first, travelling('a', 2)));
    await other;
    expect(await effects()).toEqual([]);
    expect(await services.test.admin('SELECT version FROM consent.parked')).toEqual([{ version: 2 }]);
  });

  it('skips and counts types that nobody here handles in any version', async () => {
    const under = consumer(applies());
    const strange = { ...travelling('a', 1), type: 'baton.referrals.referral-sung.v1' };
    await under.handle(batchOf(strange, travelling('a', 2)));
    expect(await effects()).toEqual(['a:2']);
    expect(under.status()).toMatchObject({ unknown: 1, handled: 1, parked: 0 });
  });

  it('forgets old events when told to, and only those', async () => {
    const under = consumer(applies());
    await under.handle(batchOf(travelling('a', 1), travelling('a', 2)));
    await services.test.admin(`UPDATE consent.inbox SET at = at - interval '8 days' WHERE event_id = (SELECT event_id FROM consent.inbox ORDER BY event_id LIMIT 1)`);
    await trimInbox(services.consent, 'consent', 7 * 24 * 3600 * 1000);
    expect(await services.test.admin('SELECT count(*)::int AS left FROM consent.inbox')).toEqual([{ left: 1 }]);
  });
});
