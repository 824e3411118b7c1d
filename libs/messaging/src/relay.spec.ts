import { setTimeout as sleep } from 'node:timers/promises';
import { statement, type Ask, type Database, type Statement } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { hintRelay, outboxCte, writeOutbox } from './outbox.js';
import { Relay, type HeldBack, type RelayOptions } from './relay.js';
import { gate } from './spec/gate.js';
import { accepted, caller, recorder, twoServices, type TwoServices } from './spec/two-services.js';
import { EventsRefused, type Transport } from './transport.js';

describe('The relay', () => {
  let services: TwoServices;
  const relays: Relay[] = [];
  beforeAll(async () => void (services = await twoServices()));
  afterAll(() => services.drop());
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
    await services.test.admin(`TRUNCATE referrals.outbox, referrals.relayed`);
  });

  const relay = (transport: Transport, more: Partial<RelayOptions> = {}): Relay => {
    const made = new Relay({ database: services.referrals, schema: 'referrals', transport, ...more });
    relays.push(made);
    return made;
  };
  const write = (...events: [string, number][]): Promise<void> =>
    services.referrals.transaction((tx) => writeOutbox(tx, 'referrals', events.map(([key, version]) => accepted(key, version)), caller));
  const outbox = async (): Promise<string[]> =>
    (await services.test.admin<{ name: string }>(`SELECT key || ':' || version AS name FROM referrals.outbox ORDER BY seq`)).map(({ name }) => name);

  /** A relay that has looked once, and what it asks from now on. */
  const heard = async (transport: Transport): Promise<{ running: Relay; asked: string[] }> => {
    const { database, asked } = listening(services.referrals);
    const running = new Relay({ database, schema: 'referrals', transport }).start();
    relays.push(running);
    await eventually(() => asked.length > 0);
    asked.length = 0;
    return { running, asked };
  };

  it('sends what was committed, soon after, and leaves the outbox empty', async () => {
    const transport = recorder();
    const running = relay(transport).start();
    await write(['a', 1], ['a', 2], ['b', 1]);
    await eventually(async () => (await outbox()).length === 0);
    expect(transport.seen).toEqual(['a:1', 'a:2', 'b:1']);
    expect(running.status()).toMatchObject({ leading: true, sent: 3, heldBack: 0, failing: 0 });
    await eventually(() => running.status().outboxAgeMs === 0);
  });

  it('sends nothing of a transaction that was rolled back', async () => {
    const transport = recorder();
    const failing = services.referrals.transaction(async (tx) => {
      await writeOutbox(tx, 'referrals', [accepted('a', 1)], caller);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await relay(transport).pass()).toBe(0);
    expect(transport.seen).toEqual([]);
  });

  it('sends in the order of one statement that a fragment was woven into', async () => {
    const transport = recorder();
    const events = Array.from({ length: 30 }, (_, i) => accepted('woven', i + 1));
    await services.referrals.transaction(async (tx) => {
      const { sql, values } = outboxCte('referrals', events, caller);
      await tx.query(statement(`WITH events AS (${sql}) SELECT 1`), values);
      hintRelay(tx, 'referrals');
    });
    await relay(transport).pass();
    expect(transport.seen).toEqual(events.map(({ version }) => `woven:${version}`));
  });

  it('holds an aggregate back whose predecessor is missing, lets others go, and says so', async () => {
    const transport = recorder();
    const reports: HeldBack[] = [];
    const running = relay(transport, { report: (held) => reports.push(held) }).start();
    await write(['gap', 2], ['gap', 3], ['whole', 1]);
    await eventually(() => reports.length > 0);
    expect(transport.seen).toEqual(['whole:1']);
    expect(reports).toEqual([{ topic: 'baton.referrals.referral', key: 'gap', version: 2, sent: 0 }]);
    expect(running.status()).toMatchObject({ heldBack: 1 });
    expect(running.status().outboxAgeMs).toBeGreaterThan(900);
    await write(['gap', 1]);
    await eventually(async () => (await outbox()).length === 0);
    expect(transport.seen).toEqual(['whole:1', 'gap:1', 'gap:2', 'gap:3']);
    await eventually(() => running.status().heldBack === 0);
  });

  it('gets past more held-back rows than a batch holds', async () => {
    const transport = recorder();
    relay(transport, { batchSize: 5 }).start();
    await write(...Array.from({ length: 23 }, (_, i): [string, number] => ['gap', i + 2]), ['whole', 1]);
    await eventually(() => transport.seen.includes('whole:1'));
    expect(transport.seen).toEqual(['whole:1']);
  });

  it('keeps everything while the transport is away, says so once, and goes on by itself', async () => {
    const failures: string[] = [];
    let away = true;
    const transport = recorder(async () => {
      if (away) throw new Error('no broker');
    });
    const running = relay(transport, { failed: (error) => failures.push(error) }).start();
    await write(['a', 1], ['a', 2]);
    await eventually(() => running.status().failing > 1);
    expect(failures).toEqual(['Error']);
    expect(await outbox()).toEqual(['a:1', 'a:2']);
    away = false;
    await eventually(async () => (await outbox()).length === 0);
    expect(transport.seen).toEqual(['a:1', 'a:2']);
  });

  it('holds a key of which the transport refuses an event, says why, lets all others go, and goes on with it when it is taken', async () => {
    let refuses = true;
    let asked = 0;
    const taken = recorder();
    const transport: Transport = {
      ...taken,
      publish: async (events) => {
        const refused = refuses ? events.filter(({ key, version }) => key === 'large' && version > 1) : [];
        asked += refused.length;
        await taken.publish(events.filter((event) => !refused.includes(event)));
        if (refused.length > 0) throw new EventsRefused(refused, 'TOO_LARGE');
      },
    };
    const reports: HeldBack[] = [];
    const running = relay(transport, { report: (held) => reports.push(held) }).start();
    await write(['a', 1], ['large', 1], ['large', 2], ['large', 3], ['a', 2]);
    await eventually(() => reports.length > 0);
    await write(['b', 1]);
    await eventually(async () => (await outbox()).length === 2);
    expect(taken.seen).toEqual(['a:1', 'large:1', 'a:2', 'b:1']);
    expect(await outbox()).toEqual(['large:2', 'large:3']);
    expect(reports).toEqual([{ topic: 'baton.referrals.referral', key: 'large', version: 2, sent: expect.any(Number) as number, refused: 'TOO_LARGE' }]);
    expect(running.status()).toMatchObject({ heldBack: 1, failing: 0 });
    expect(running.status().outboxAgeMs).toBeGreaterThan(900);
    expect(asked).toBeLessThanOrEqual(4);
    refuses = false;
    await eventually(async () => (await outbox()).length === 0);
    expect(taken.seen.slice(4)).toEqual(['large:2', 'large:3']);
    await eventually(() => expect(running.status()).toMatchObject({ heldBack: 0, outboxAgeMs: 0 }));
  });

  it('reads ahead of a long outbox while it sends, over keys that lie in many batches and tries that fail: in order and once', async () => {
    let tries = 0;
    const transport = recorder(async () => {
      await sleep(3);
      if (++tries % 4 === 3) throw new Error('no broker');
    });
    const keys = ['a', 'b', 'c', 'd', 'e'];
    for (let version = 1; version <= 12; version++) await write(...keys.map((key): [string, number] => [key, version]));
    const running = relay(transport, { batchSize: 7 }).start();
    await eventually(async () => (await outbox()).length === 0, { within: 15_000 });
    for (const key of keys) expect(transport.seen.filter((name) => name.startsWith(key))).toEqual(Array.from({ length: 12 }, (_, i) => `${key}:${i + 1}`));
    await eventually(() => running.status().sent === 60);
    expect(running.status()).toMatchObject({ heldBack: 0, fenced: 0 });
  });

  it('notes nothing as sent that it read before the database crashed: earlier versions may be back, and all of it is sent again', async () => {
    const transport = recorder();
    let crashed = false;
    const database = new Proxy(services.referrals, {
      get: (real, name: keyof Database) => {
        if (name !== 'query') return (real[name] as () => unknown).bind(real);
        return async (...asked: Ask) => {
          const rows = await real.query<{ life?: string }>(...asked);
          const first = !crashed && rows[0]?.life !== undefined;
          crashed ||= first;
          return first ? rows.map((row) => ({ ...row, life: 'the one before' })) : rows;
        };
      },
    });
    const running = new Relay({ database, schema: 'referrals', transport });
    relays.push(running);
    await write(['a', 1], ['a', 2]);
    running.start();
    await eventually(async () => (await outbox()).length === 0);
    expect(transport.seen).toEqual(['a:1', 'a:2', 'a:1', 'a:2']);
    expect(running.status()).toMatchObject({ fenced: 1, heldBack: 0 });
  });

  it('reads once for a change that was rung for, and removes it without another look', async () => {
    const transport = recorder();
    const { running, asked } = await heard(transport);
    await write(['a', 1]);
    await eventually(async () => (await outbox()).length === 0);
    await sleep(100);
    expect(asked).toEqual(['read', 'remove']);
    expect(running.status()).toMatchObject({ sent: 1, outboxAgeMs: 0 });
  });

  it('removes what it sent in one flight with the next look, if that comes soon', async () => {
    const transport = recorder();
    const { asked } = await heard(transport);
    for (const version of [1, 2, 3]) {
      await write(['a', version]);
      await eventually(() => transport.seen.length === version);
    }
    await eventually(async () => (await outbox()).length === 0);
    expect(asked).toEqual(['read', 'remove+read', 'remove+read', 'remove']);
    expect(transport.seen).toEqual(['a:1', 'a:2', 'a:3']);
  });

  it('does not send again what it could not remove at once', async () => {
    const transport = recorder();
    let failures = 2;
    const { database } = listening(services.referrals, (what) => {
      if (what.startsWith('remove') && failures-- > 0) throw new Error('connection lost');
    });
    relays.push(new Relay({ database, schema: 'referrals', transport }).start());
    await write(['a', 1]);
    await eventually(async () => (await outbox()).length === 0);
    expect(transport.seen).toEqual(['a:1']);
    expect(failures).toBeLessThan(0);
  });

  it('finds what was committed elsewhere, without a ring', async () => {
    const transport = recorder();
    relay(transport).start();
    await sleep(100);
    await services.test.admin(
      `INSERT INTO referrals.outbox (event_id, topic, key, type, version, correlation_id, causation_id, data)
       VALUES (gen_random_uuid(), 'baton.referrals.referral', 'elsewhere', 'baton.referrals.referral-accepted.v1', 1, '', '', '{}')`,
    );
    await eventually(() => transport.seen.length === 1);
  });

  it('has one leader; another takes over when it is stopped', async () => {
    const [first, second] = [recorder(), recorder()];
    const [one, other] = [relay(first), relay(second)];
    await write(['a', 1]);
    expect(await one.pass()).toBe(1);
    await write(['a', 2]);
    expect(await other.pass()).toBe(0);
    await one.stop();
    expect(await other.pass()).toBe(1);
    expect([first.seen, second.seen]).toEqual([['a:1'], ['a:2']]);
  });

  it('stops within seconds although the transport does not answer; another one sends what it had in hand', async () => {
    const called = gate();
    const deaf = relay(
      recorder(() => {
        called.open();
        return new Promise(() => undefined);
      }),
    ).start();
    await write(['a', 1]);
    await called.opened;
    const began = performance.now();
    await deaf.stop();
    expect(performance.now() - began).toBeLessThan(5000);
    const transport = recorder();
    expect(await relay(transport).pass()).toBe(1);
    expect(transport.seen).toEqual(['a:1']);
  });

  it('tells no age of the outbox any more once another leads: what it saw last is not for it to tell', async () => {
    const away = relay(
      recorder(async () => {
        throw new Error('away');
      }),
      { leaseMs: 300 },
    );
    await write(['a', 1]);
    await expect(away.pass()).rejects.toThrow('away');
    await eventually(() => expect(away.status().outboxAgeMs).toBeGreaterThan(0));
    stopRenewingOf(away)();
    const next = relay(recorder());
    await eventually(async () => expect(await next.pass()).toBe(1));
    await eventually(async () => {
      await away.pass().catch(() => undefined);
      expect(away.status()).toMatchObject({ leading: false, outboxAgeMs: 0, heldBack: 0 });
    });
  });

  it('does not let a leader that wakes up late move anything', async () => {
    const [asleep, awake] = [gate(), gate()];
    const late = relay(
      recorder(async () => {
        asleep.open();
        await awake.opened;
      }),
      { leaseMs: 300 },
    );
    // Its renewals stop with it, as under SIGSTOP.
    const stopRenewing = stopRenewingOf(late);
    await write(['a', 1]);
    const sleeping = late.pass();
    await asleep.opened;
    stopRenewing();
    const transport = recorder(async () => {
      throw new Error('not yet');
    });
    const next = relay(transport);
    await eventually(async () => {
      await next.pass().catch(() => undefined);
      return next.status().leading;
    });
    awake.open();
    expect(await sleeping).toBe(0);
    expect(late.status()).toMatchObject({ fenced: 1, leading: false, sent: 0 });
    // The new leader has not sent it: had the late one removed it, it would be gone.
    expect(await outbox()).toEqual(['a:1']);
    expect(await services.test.admin('SELECT * FROM referrals.relayed')).toEqual([]);
  });
});

/** A service's connection, and what the relay asks of it, its lease apart. */
function listening(database: Database, before: (what: string) => void = () => undefined): { database: Database; asked: string[] } {
  const asked: string[] = [];
  const nameOf = ({ text }: Statement): string | undefined => (text.includes('DELETE FROM referrals.outbox') ? 'remove' : text.includes('FROM referrals.outbox') ? 'read' : undefined);
  const note = (...all: Statement[]): void => {
    const what = all.map(nameOf).filter(Boolean).join('+');
    if (what === '') return;
    asked.push(what);
    before(what);
  };
  const heard = {
    query: async (what: Statement, values: readonly unknown[]) => (note(what), database.query(what, values)),
    inOrder: async (...asks: Ask[]) => (note(...asks.map(([what]) => what)), database.inOrder(...asks)),
  };
  return { database: heard as unknown as Database, asked };
}

/** Takes the renewing timer away from a relay, as a stopped process has none. */
function stopRenewingOf(relay: Relay): () => void {
  return () => {
    const { lease } = relay as unknown as { lease: { timer: NodeJS.Timeout } };
    clearInterval(lease.timer);
  };
}
