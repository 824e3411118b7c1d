import type { BatonEvent } from '@baton/contracts';
import { refuse } from '@baton/kernel';
import { statement, type Tx } from '@baton/postgres';
import { createTestDatabase, eventually } from '@baton/testing';
import { Consumer } from './consumer.js';
import type { Handlers } from './judge.js';
import { Parking } from './parking.js';
import type { Parked } from './parked-queries.js';
import { gate } from './spec/gate.js';
import { ACCEPTED, recorder, TOPIC, travelling, twoServices, type TwoServices } from './spec/two-services.js';
import { inboxTables, parkingTables } from './tables.js';
import type { Received } from './transport.js';

const V2 = ACCEPTED.replace('.v1', '.v2');
const effect = statement('INSERT INTO consent.effect (key, version) VALUES ($1, $2)');
const applies = async (tx: Tx, event: BatonEvent): Promise<void> => void (await tx.query(effect, [event.key, event.version]));

let at = 0;
const found = (event: BatonEvent, unreadable?: string): Received => ({ event, partition: 0, offset: String(at++), ...(unreadable === undefined ? {} : { unreadable }) });
const broken = (key: string): Received => found({ ...travelling(key, 0), data: { base64: 'eyJicm9rZW4=' } }, 'value is no JSON object');
const wrong = (key: string, version: number): Received => found({ ...travelling(key, version), data: { ...travelling(key, version).data, priority: 'Jane Doe', pathway: { id: 7, version: '1' } } });
const by = { reason: 'mended by hand', by: 'operator' };

describe('What a consumer cannot apply', () => {
  let services: TwoServices;
  let bad: (event: BatonEvent) => boolean;
  let under: Consumer;
  let parking: Parking;

  const handler = async (tx: Tx, event: BatonEvent): Promise<void> => {
    if (bad(event)) throw new RangeError('of Jane Doe');
    await applies(tx, event);
  };
  const parkingFor = (handlers: Handlers): Parking => new Parking({ database: services.consent, schema: 'consent', group: 'consent', handlers });
  const parked = async (): Promise<readonly Parked[]> => (await parking.list()).items;
  const versionsOf = ({ events }: Parked): number[] => events.map(({ version }) => version);
  const effects = async (): Promise<string[]> => (await services.test.admin<{ name: string }>(`SELECT key || ':' || version AS name FROM consent.effect ORDER BY place`)).map(({ name }) => name);

  beforeAll(async () => void (services = await twoServices()));
  afterAll(() => services.drop());
  beforeEach(async () => {
    await services.test.admin('TRUNCATE consent.inbox, consent.parked_key, consent.parked, consent.discarded, consent.redrive, consent.effect');
    bad = () => false;
    const handlers = { [ACCEPTED]: handler };
    under = new Consumer({ database: services.consent, schema: 'consent', transport: recorder(), group: 'consent', handlers });
    parking = parkingFor(handlers);
  });
  afterEach(() => parking.stop());

  it('is parked in its turn under its key, by its class; all others flow', async () => {
    bad = ({ key }) => key === 'throws';
    const traced = { ...travelling('newer', 1), type: V2, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
    await under.handle([found(travelling('json', 1)), broken('json'), found(travelling('json', 2)), found(travelling('good', 1)), wrong('schema', 1), found(travelling('throws', 1)), found(traced), found(travelling('good', 2))]);
    await under.handle([found(travelling('newer', 2)), broken('schema'), found(travelling('good', 3))]);
    expect(await effects()).toEqual(['json:1', 'good:1', 'good:2', 'good:3']);
    expect((await parked()).map((one) => [one.key, one.error, one.attempts, versionsOf(one)])).toEqual([
      ['json', 'Unreadable: value is no JSON object', 1, [0, 2]],
      ['schema', 'WrongSchema: pathway.id, priority', 1, [1, 0]],
      ['throws', 'RangeError', 3, [1]],
      ['newer', 'NewerMajor', 1, [1, 2]],
    ]);
    expect((await parking.look({ topic: TOPIC, key: 'newer' })).events[0]).toEqual({
      id: traced.id,
      type: V2,
      version: 1,
      from: expect.stringMatching(/^0\/\d+$/),
      time: traced.time,
      parkedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      correlationId: traced.correlationId,
      causationId: traced.causationId,
      traceparent: traced.traceparent,
    });
    // What the events say is shown to nobody who only looks.
    expect(JSON.stringify([await parked(), await parking.groups()])).not.toMatch(/Jane|eyJ/);
    expect(under.status()).toMatchObject({ handled: 4, parked: 7, newerMajor: 1 });
  });

  it('is what a contract does not allow; fields that nobody knows yet are no fault', async () => {
    const grown = { ...travelling('a', 1), data: { ...travelling('a', 1).data, sinceTomorrow: { deep: [1] } } };
    await under.handle([found(grown)]);
    expect(await effects()).toEqual(['a:1']);
  });

  it('is parked without what it says where the database does not take that', async () => {
    const deep = { ...travelling('a', 1), data: JSON.parse(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`) as Record<string, unknown> };
    await under.handle([found(deep), found(travelling('b', 1))]);
    expect(await effects()).toEqual(['b:1']);
    expect((await parked()).map(({ key, events: [first] }) => [key, first?.id, first?.unreadable])).toEqual([['a', deep.id, 'data that cannot be stored']]);
  });

  it('waits for a version of the service that handles it, and is applied by that unasked', async () => {
    await under.handle([found({ ...travelling('a', 1), type: V2 }), found(travelling('a', 2))]);
    expect(await parking.retryAfterUpgrade()).toEqual([]);
    expect(await parking.retryAll()).toEqual([{ topic: TOPIC, key: 'a', applied: 0, stoppedBy: 'NewerMajor' }]);
    const upgraded = parkingFor({ [ACCEPTED]: handler, [V2]: handler });
    const retried: unknown[] = [];
    upgraded.watchUpgrades((keys) => retried.push(...keys));
    await eventually(() => retried.length === 1);
    await upgraded.stop();
    expect(retried).toEqual([{ topic: TOPIC, key: 'a', applied: 2 }]);
    expect(await effects()).toEqual(['a:1', 'a:2']);
  });

  it('may be of an older version than is handled here now', async () => {
    const newOnly = new Consumer({ database: services.consent, schema: 'consent', transport: recorder(), group: 'consent', handlers: { [V2]: handler }, topics: [TOPIC] });
    await newOnly.handle([found(travelling('a', 1))]);
    expect((await parked()).map(({ error }) => error)).toEqual(['OlderMajor']);
  });

  it('is listed page by page, counted by topic and class, and found by either', async () => {
    await under.handle([...['a', 'b', 'c'].map(broken), found({ ...travelling('d', 1), type: V2 }), found(travelling('a', 1))]);
    const first = await parking.list({ limit: 3, events: 1 });
    expect(first.items.map(({ key, waiting, events }) => [key, waiting, events.length])).toEqual([['a', 2, 1], ['b', 1, 1], ['c', 1, 1]]);
    const rest = await parking.list({ limit: 3, after: first.next });
    expect([rest.items.map(({ key }) => key), rest.next]).toEqual([['d'], undefined]);
    expect((await parking.list({ error: 'NewerMajor' })).items.map(({ key }) => key)).toEqual(['d']);
    expect((await parking.groups()).map(({ topic, error, keys, events }) => [topic, error, keys, events])).toEqual([
      [TOPIC, 'Unreadable: value is no JSON object', 3, 4],
      [TOPIC, 'NewerMajor', 1, 1],
    ]);
    await expect(parking.look({ topic: TOPIC, key: 'elsewhere' })).rejects.toMatchObject({ kind: 'unknown' });
  });

  it('says what it says to whoever may open it', async () => {
    const one = wrong('a', 1);
    await under.handle([one]);
    expect((await parking.open(one.event.id, { topic: TOPIC, key: 'a' })).data).toEqual(one.event.data);
    await expect(parking.open(one.event.id, { topic: TOPIC, key: 'b' })).rejects.toMatchObject({ kind: 'unknown' });
    await parking.discard({ topic: TOPIC, key: 'a' }, one.event.id, by);
    await expect(parking.open(one.event.id, { topic: TOPIC, key: 'a' })).rejects.toMatchObject({ kind: 'unknown' });
    expect(await parking.open(one.event.id)).toMatchObject({ id: one.event.id, key: 'a', data: one.event.data });
  });
});

describe('What an operator does about it', () => {
  let services: TwoServices;
  let bad: (event: BatonEvent) => boolean;
  let slow: Promise<void> | undefined;
  let under: Consumer;
  let parking: Parking;

  const handler = async (tx: Tx, event: BatonEvent): Promise<void> => {
    await slow;
    if (bad(event)) throw new RangeError();
    await applies(tx, event);
  };
  const keysParked = async (): Promise<unknown[]> => (await parking.list()).items.map(({ key, error, events }) => [key, error, events.map(({ version }) => version)]);
  const effects = async (): Promise<string[]> => (await services.test.admin<{ name: string }>(`SELECT key || ':' || version AS name FROM consent.effect ORDER BY place`)).map(({ name }) => name);
  const ended = (id: string) =>
    eventually(async () => {
      const job = await parking.retryJob(id);
      expect(job.state).not.toBe('running');
      return job;
    });

  beforeAll(async () => void (services = await twoServices()));
  afterAll(() => services.drop());
  beforeEach(async () => {
    await services.test.admin('TRUNCATE consent.inbox, consent.parked_key, consent.parked, consent.discarded, consent.redrive, consent.effect');
    bad = () => false;
    slow = undefined;
    const handlers = { [ACCEPTED]: handler };
    under = new Consumer({ database: services.consent, schema: 'consent', transport: recorder(), group: 'consent', handlers });
    parking = new Parking({ database: services.consent, schema: 'consent', group: 'consent', handlers });
  });
  afterEach(() => parking.stop());

  it('gives one event up with a reason that is kept; what stood behind it is not blamed, waits, and is applied when told', async () => {
    const poison = broken('a');
    await under.handle([poison, found(travelling('a', 1)), broken('b')]);
    const key = { topic: TOPIC, key: 'a' };
    await parking.discard(key, poison.event.id, by);
    expect(await keysParked()).toEqual([['a', 'Waiting', [1]], ['b', 'Unreadable: value is no JSON object', [0]]]);
    await parking.retryAll({ error: 'Waiting' });
    expect(await effects()).toEqual(['a:1']);
    expect((await parking.discarded()).items).toMatchObject([{ id: poison.event.id, key: 'a', reason: 'mended by hand', discardedBy: 'operator', error: 'Unreadable: value is no JSON object', attempts: 1 }]);
    await expect(parking.discard(key, poison.event.id, by)).rejects.toMatchObject({ kind: 'unknown' });
  });

  it('gives up a group: of each key the event that failed and nothing behind it, however often', async () => {
    await under.handle([broken('a'), broken('b'), found({ ...travelling('c', 1), type: V2 }), found(travelling('a', 1)), broken('a')]);
    const group = { topic: TOPIC, error: 'Unreadable: value is no JSON object' };
    expect(await parking.discardGroup(group, by)).toBe(2);
    expect(await parking.discardGroup(group, by)).toBe(0);
    expect(await keysParked()).toEqual([['a', 'Waiting', [1, 0]], ['c', 'NewerMajor', [1]]]);
  });

  it('takes a discarded event back: in its old place, its key shut', async () => {
    bad = ({ version }) => version === 1;
    const one = travelling('a', 1);
    await under.handle([found(one), found(travelling('a', 2)), found(travelling('a', 3))]);
    await parking.discard({ topic: TOPIC, key: 'a' }, one.id, by);
    expect(await parking.restore(one.id)).toEqual({ topic: TOPIC, key: 'a' });
    expect(await keysParked()).toEqual([['a', 'RangeError', [1, 2, 3]]]);
    await expect(parking.restore(one.id)).rejects.toMatchObject({ kind: 'unknown' });

    // Also when nothing of its key was parked any more.
    await parking.discard({ topic: TOPIC, key: 'a' }, one.id, by);
    await parking.retryAll();
    await parking.restore(one.id);
    await under.handle([found(travelling('a', 4))]);
    expect(await keysParked()).toEqual([['a', 'RangeError', [1, 4]]]);
    bad = () => false;
    await parking.retryAll();
    expect(await effects()).toEqual(['a:2', 'a:3', 'a:1', 'a:4']);
    expect((await parking.discarded()).items).toEqual([]);
  });

  it('does it together with what has to be written about it, or not at all', async () => {
    const poison = broken('a');
    await under.handle([poison]);
    const refused = (): Promise<never> => Promise.reject(refuse('unavailable', 'audit-away', 'No audit.'));
    await expect(parking.discard({ topic: TOPIC, key: 'a' }, poison.event.id, by, refused)).rejects.toThrow('audit-away');
    await expect(parking.startRetry({}, 'operator', refused)).rejects.toThrow('audit-away');
    expect(await parking.count()).toBe(1);
    expect(await services.test.admin('SELECT 1 FROM consent.redrive')).toEqual([]);
  });

  it('has many keys retried in the background, and sees how far that is', async () => {
    bad = () => true;
    await under.handle(['a', 'b', 'c', 'd'].map((key) => found(travelling(key, 1))));
    const held = gate();
    slow = held.opened;
    bad = ({ key }) => key === 'b';
    const job = await parking.startRetry({ topic: TOPIC, error: 'RangeError' }, 'operator');
    expect(job).toMatchObject({ state: 'running', topic: TOPIC, error: 'RangeError', startedBy: 'operator', total: 4, done: 0, failed: 0 });
    // The consumer goes on meanwhile; what it meets of the key in hand waits for it.
    const later = under.handle([found(travelling('a', 2))]);
    held.open();
    await later;
    expect(await ended(job.id)).toMatchObject({ state: 'done', total: 4, done: 3, failed: 1, applied: 3, lastError: 'RangeError', endedAt: expect.any(Date) });
    expect(await keysParked()).toEqual([['b', 'RangeError', [1]]]);
    expect((await effects()).filter((name) => name.startsWith('a'))).toEqual(['a:1', 'a:2']);
    await expect(parking.startRetry({ topic: TOPIC, key: 'a' }, 'operator')).rejects.toMatchObject({ kind: 'unknown' });
    expect(await services.test.admin('SELECT count(*)::int AS jobs FROM consent.redrive')).toEqual([{ jobs: 1 }]);
  });

  it('loses and doubles nothing when two retry the same', async () => {
    bad = () => true;
    await under.handle(['a', 'b', 'c'].flatMap((key) => [1, 2, 3].map((version) => found(travelling(key, version)))));
    bad = () => false;
    const jobs = await Promise.all([parking.startRetry({}, 'one'), parking.startRetry({}, 'other')]);
    const both = await Promise.all(jobs.map(({ id }) => ended(id)));
    expect(both.reduce((sum, { applied }) => sum + applied, 0)).toBe(9);
    for (const key of ['a', 'b', 'c']) expect((await effects()).filter((name) => name.startsWith(key))).toEqual([`${key}:1`, `${key}:2`, `${key}:3`]);
  });

  it('sees that a retry whose process ended or died has stopped, and starts it again', async () => {
    bad = () => true;
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    await under.handle(keys.map((key) => found(travelling(key, 1))));
    bad = () => false;
    const held = gate();
    slow = held.opened;
    const job = await parking.startRetry({}, 'operator');
    const stopping = parking.stop();
    held.open();
    await stopping;
    expect(await parking.retryJob(job.id)).toMatchObject({ state: 'stopped', total: 6, done: 4, failed: 0 });
    await services.test.admin(`UPDATE consent.redrive SET ended_at = NULL, beat_at = clock_timestamp()`);
    expect(await parking.retryJob(job.id)).toMatchObject({ state: 'running' });
    await services.test.admin(`UPDATE consent.redrive SET beat_at = clock_timestamp() - interval '1 minute'`);
    expect(await parking.retryJob(job.id)).toMatchObject({ state: 'stopped' });
    parking = new Parking({ database: services.consent, schema: 'consent', group: 'consent', handlers: { [ACCEPTED]: handler } });
    expect(await ended((await parking.startRetry({}, 'operator')).id)).toMatchObject({ state: 'done', total: 2, done: 2 });
  });
});

describe('What was discarded before operators could restore it', () => {
  it('is restored before all that is parked', async () => {
    const test = await createTestDatabase();
    const discarded = (nth: number): string => `INSERT INTO episodes.discarded (consumer, came_from, reason, discarded_at, event_id, topic, key, type, version, time, correlation_id, causation_id, data)
      VALUES ('episodes', '0/${nth}', 'long ago', now() - interval '9 days' + interval '${nth} hours', '01920000-0000-7000-8000-00000000000${nth}', '${TOPIC}', 'a', '${ACCEPTED}', ${nth}, now(), 'c', 'c', '{}');`;
    await test.admin(`SET ROLE baton_episodes; ${inboxTables('episodes')} SELECT setval('episodes.parked_place_seq', 10); ${discarded(1)} ${discarded(2)} ${parkingTables('episodes')} ${discarded(3)} RESET ROLE;`);
    const database = await test.open('episodes');
    const parking = new Parking({ database, schema: 'episodes', group: 'episodes', handlers: { [V2]: applies } });
    for (const nth of [2, 1, 3]) await parking.restore(`01920000-0000-7000-8000-00000000000${nth}`);
    const { events } = await parking.look({ topic: TOPIC, key: 'a' });
    expect(events.map(({ version }) => version)).toEqual([3, 1, 2]);
    await test.drop();
  });
});
