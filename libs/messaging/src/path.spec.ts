import type { BatonEvent } from '@baton/contracts';
import { statement } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { consume, type Consumer } from './consumer.js';
import { LogTails } from './log-tails.js';
import { writeOutbox } from './outbox.js';
import { PostgresTransport } from './postgres-transport.js';
import { Relay } from './relay.js';
import { ACCEPTED, accepted, caller, twoServices, type TwoServices } from './spec/two-services.js';

const effect = statement('INSERT INTO consent.effect (key, version) VALUES ($1, $2)');

describe('From a change in one service to its effect in another', () => {
  let services: TwoServices;
  let relay: Relay;
  let transports: PostgresTransport[];
  let consumers: Consumer[];
  const arrivals: BatonEvent[] = [];

  beforeAll(async () => {
    services = await twoServices();
    const tails = new LogTails(services.consent);
    transports = [new PostgresTransport({ database: services.referrals, schema: 'referrals', tails }), new PostgresTransport({ database: services.consent, schema: 'consent', tails, leaseMs: 900 })];
    relay = new Relay({ database: services.referrals, schema: 'referrals', transport: transports[0]! }).start();
    consumers = [await join()];
  });
  afterAll(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    await relay.stop();
    await Promise.all(transports.map((transport) => transport.close()));
    await services.drop();
  });

  const join = (): Promise<Consumer> =>
    consume({
      database: services.consent,
      schema: 'consent',
      transport: transports[1]!,
      group: 'consent',
      handlers: {
        [ACCEPTED]: async (tx, event) => {
          await tx.query(effect, [event.key, event.version]);
          tx.afterCommit(() => arrivals.push(event));
        },
      },
    });
  const change = (key: string, version: number): Promise<void> => services.referrals.transaction((tx) => writeOutbox(tx, 'referrals', [accepted(key, version)], caller));

  it('brings the event with all it said, who caused it and its trace', async () => {
    await change('first', 1);
    await eventually(() => arrivals.length === 1);
    expect(arrivals[0]).toMatchObject({ ...accepted('first', 1), topic: 'baton.referrals.referral', correlationId: 'correlation-1', causationId: 'request-1', traceparent: caller.traceparent });
    expect(Date.now() - Date.parse(arrivals[0]!.time)).toBeLessThan(5000);
  });

  it('has one effect per change, in order, while members and leaders come and go', async () => {
    const keys = Array.from({ length: 12 }, (_, n) => `key-${n}`);
    const writers = keys.map(async (key) => {
      for (let version = 1; version <= 25; version++) await change(key, version);
    });
    const unrest = (async () => {
      for (let n = 0; n < 3; n++) {
        const next = await join();
        await consumers.shift()!.stop();
        consumers.push(next);
        const other = new Relay({ database: services.referrals, schema: 'referrals', transport: transports[0]! }).start();
        await relay.stop();
        relay = other;
      }
    })();
    await Promise.all([...writers, unrest]);
    const inOrder = () => services.test.admin<{ key: string; version: number }>(`SELECT key, version FROM consent.effect WHERE key LIKE 'key-%' ORDER BY place`);
    await eventually(async () => (await inOrder()).length >= 300, { within: 20_000 });
    const effects = await inOrder();
    for (const key of keys) expect(effects.filter((row) => row.key === key).map((row) => row.version)).toEqual(Array.from({ length: 25 }, (_, n) => n + 1));
    expect(effects).toHaveLength(300);
  });

  it('goes on by itself after every connection was cut, and loses and doubles nothing', async () => {
    const cut = () => services.test.admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'baton %' AND usename IN ('baton_referrals', 'baton_consent')`);
    const acknowledged: number[] = [];
    for (let version = 1; version <= 60; version++) {
      if (version % 20 === 10) await cut();
      // A writer whose COMMIT was cut off does not know; it asks before it goes on, as a client would.
      await eventually(() => change('cut', version).catch(async (error: unknown) => {
        const known = await services.test.admin(`SELECT 1 FROM referrals.outbox WHERE key = 'cut' AND version = $1 UNION ALL SELECT 1 FROM referrals.log WHERE key = 'cut' AND version = $1`, [version]);
        if (known.length === 0) throw error;
      }));
      acknowledged.push(version);
    }
    const inOrder = () => services.test.admin<{ version: number }>(`SELECT version FROM consent.effect WHERE key = 'cut' ORDER BY place`);
    await eventually(async () => (await inOrder()).length >= 60, { within: 20_000 });
    expect((await inOrder()).map(({ version }) => version)).toEqual(acknowledged);
  });

  it('leaves nothing waiting: outbox empty, lag 0, nothing parked', async () => {
    await eventually(async () => (await consumers[0]!.lag()).every(({ events }) => events === 0));
    await eventually(async () => (await services.test.admin('SELECT 1 FROM referrals.outbox')).length === 0);
    expect(await consumers[0]!.parking.count()).toBe(0);
    expect(consumers[0]!.status()).toMatchObject({ failing: 0, missed: 0, partitions: 8 });
  });
});
