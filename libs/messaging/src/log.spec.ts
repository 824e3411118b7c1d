import { eventually } from '@baton/testing';
import { hearOthers } from './across-processes.js';
import { onRing } from './doorbell.js';
import { partitionOf } from './envelope.js';
import { GroupPositions, type Claimed } from './group-positions.js';
import { Forgotten, LIFE } from './life.js';
import { LogAppender, readHeads, readLog } from './log.js';
import { trimLog } from './log-retention.js';
import { PostgresTransport } from './postgres-transport.js';
import { TOPIC, travelling, twoServices, type TwoServices } from './spec/two-services.js';
import { PARTITIONS } from './tables.js';
import type { Received } from './transport.js';

/** What a crash does to what tells one life from another. */
const RECOVERED = `SELECT pg_stat_reset_shared('bgwriter')`;

describe('The log in PostgreSQL', () => {
  let services: TwoServices;
  beforeAll(async () => void (services = await twoServices()));
  afterAll(() => services.drop());
  beforeEach(() => services.test.admin('TRUNCATE referrals.log, consent.consumer_offset, consent.consumer_member; UPDATE referrals.log_head SET next = 0'));

  const readAll = async () => readLog(services.consent, 'referrals', (await readHeads(services.consent, 'referrals', [TOPIC])).map((head) => ({ ...head, next: 0 })), 10_000);

  it('gives offsets without gaps, in the order of commits, to publishers that append at once', async () => {
    const appenders = Array.from({ length: 6 }, () => new LogAppender(services.referrals, 'referrals'));
    let gaps = 0;
    let appending = true;
    // A reader that never waits for anything must at no time see an offset whose predecessors it does not see.
    const reader = (async () => {
      while (appending) {
        const offsets = new Map<number, number[]>();
        for (const { partition, offset } of await readAll()) offsets.set(partition, [...(offsets.get(partition) ?? []), offset]);
        for (const all of offsets.values()) if (all.some((offset, i) => offset !== i)) gaps++;
      }
    })();
    await Promise.all(
      appenders.map(async (appender, a) => {
        for (let n = 1; n <= 25; n++) await appender.append(Array.from({ length: 10 }, (_, k) => travelling(`key-${(a + k * n) % 17}`, n)));
      }),
    );
    appending = false;
    await reader;
    expect(gaps).toBe(0);
    expect((await readAll()).length).toBe(6 * 25 * 10);
    const heads = await services.test.admin<{ next: string }>(`SELECT next FROM referrals.log_head WHERE topic = '${TOPIC}'`);
    expect(heads.reduce((sum, { next }) => sum + Number(next), 0)).toBe(6 * 25 * 10);
  });

  it('is written by its publisher alone', async () => {
    const foreign = new PostgresTransport({ database: services.consent, schema: 'consent' });
    await expect(foreign.publish([travelling('a', 1)])).rejects.toThrow('consent may not publish');
    const forged = new LogAppender(services.consent, 'referrals');
    await expect(forged.append([travelling('a', 1)])).rejects.toMatchObject({ code: '42501' });
  });

  it('makes a topic of the contract with its partitions when the schema is made', async () => {
    expect(await readHeads(services.consent, 'referrals', [TOPIC])).toHaveLength(PARTITIONS);
  });

  it('puts a key where it always was', () => {
    expect(['a', 'referral-1', '0193e5c6-7a4b-7c1d-8e2f-123456789abc', 'é'].map((key) => partitionOf(key, 8))).toEqual([5, 3, 1, 6]);
    const spread = new Set(Array.from({ length: 100 }, (_, n) => partitionOf(`key-${n}`, 8)));
    expect(spread.size).toBe(8);
  });

  it('does not let a member that wakes up late move a position', async () => {
    const [late, next] = ['018f0000-0000-7000-8000-000000000001', '018f0000-0000-7000-8000-000000000002'].map(
      (member) => new GroupPositions(services.consent, 'consent', { group: 'g', member, topics: [TOPIC], ttl: 30 }),
    ) as [GroupPositions, GroupPositions];
    await late.discover([TOPIC]);
    const [held] = (await late.claim(new Map([[TOPIC, PARTITIONS]]))).filter(({ partition }) => partition === 0);
    let taken: Claimed | undefined;
    await eventually(async () => ([taken] = await next.claim(new Map([[TOPIC, 1]]))).length > 0);
    expect(taken?.partition).toBe(0);
    expect(await next.commit([{ ...taken!, next: 7 }], taken!.life)).toHaveLength(1);
    expect(await late.commit([{ ...held!, next: 3 }], held!.life)).toEqual([]);
    expect(await services.test.admin(`SELECT next FROM consent.consumer_offset WHERE partition = 0`)).toEqual([{ next: '7' }]);
  });

  it('does not let a member store what it reached in another life of the database', async () => {
    const positions = new GroupPositions(services.consent, 'consent', { group: 'g', member: '018f0000-0000-7000-8000-000000000003', topics: [TOPIC], ttl: 3000 });
    await positions.discover([TOPIC]);
    const [held] = await positions.claim(new Map([[TOPIC, 1]]));
    await services.test.admin(RECOVERED);
    expect(await positions.commit([{ ...held!, next: 3 }], held!.life)).toEqual([]);
    const [again] = await positions.claim(new Map([[TOPIC, 1]]));
    expect(await positions.commit([{ ...again!, next: 3 }], again!.life)).toHaveLength(1);
  });

  it('gives a group again what the database has forgotten of it in a crash, before anything newer', async () => {
    const transport = new PostgresTransport({ database: services.referrals, schema: 'referrals' });
    const consuming = new PostgresTransport({ database: services.consent, schema: 'consent', leaseMs: 300 });
    const versions: number[] = [];
    const handle = async (batch: readonly Received[], learntIn?: string): Promise<void> => {
      const [now] = await services.test.admin<{ life: string }>(`SELECT ${LIFE} AS life`);
      // As the inbox does: an effect belongs to the life in which the position was learnt.
      if (now!.life !== learntIn) throw new Forgotten();
      versions.push(...batch.map(({ event }) => event.version));
    };
    await consuming.subscribe({ group: 'crash', topics: [TOPIC], handle });
    await transport.publish([travelling('a', 1), travelling('a', 2)]);
    await eventually(async () => (await consuming.lag('crash')).every(({ events }) => events === 0) && versions.length === 2);
    await services.test.admin(`${RECOVERED}; UPDATE consent.consumer_offset SET next = next - 1 WHERE grp = 'crash' AND next > 0`);
    await transport.publish([travelling('a', 3)]);
    await eventually(() => versions.length === 4);
    expect(versions).toEqual([1, 2, 2, 3]);
    await eventually(async () => (await consuming.lag('crash')).every(({ events }) => events === 0));
    await consuming.close();
  });

  it('forgets what is older than it is told to keep, and a group that had not read it counts what it missed', async () => {
    const transport = new PostgresTransport({ database: services.referrals, schema: 'referrals' });
    const consuming = new PostgresTransport({ database: services.consent, schema: 'consent' });
    const versions: number[] = [];
    const member = () => consuming.subscribe({ group: 'late', topics: [TOPIC], handle: async (batch) => void versions.push(...batch.map(({ event }) => event.version)) });
    await transport.publish([travelling('a', 1)]);
    const first = await member();
    await eventually(() => versions.length === 1);
    await first.close();
    await transport.publish([travelling('a', 2), travelling('a', 3)]);
    await services.test.admin(`UPDATE referrals.log SET appended_at = appended_at - interval '8 days'`);
    await transport.publish([travelling('a', 4)]);
    await trimLog(services.referrals, 'referrals', 7 * 24 * 3600 * 1000, new Date());
    expect((await readAll()).map(({ event }) => event.version)).toEqual([4]);
    const second = await member();
    await eventually(() => versions.length === 2);
    expect(versions).toEqual([1, 4]);
    await eventually(() => second.status().missed === 2);
    await consuming.close();
  });

  it('tells listening processes of an append', async () => {
    let rung = 0;
    const stop = onRing('log.referrals', (from) => (rung += from === 'elsewhere' ? 1 : 0));
    const stopHearing = await hearOthers(services.consent, { log: ['referrals'] });
    const before = rung;
    await new LogAppender(services.referrals, 'referrals').append([travelling('a', 1)]);
    await eventually(() => rung > before);
    await stopHearing();
    stop();
  });
});
