import type { BatonEvent } from '@baton/contracts';
import { statement, type Database, type Tx } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { writeOutbox } from './outbox.js';
import { Relay } from './relay.js';
import { gate } from './spec/gate.js';
import { naiveRelays } from './spec/naive-relays.js';
import { accepted, caller, recorder, twoServices, type TwoServices } from './spec/two-services.js';

/** One look at the outbox by one worker. */
export type Look = () => Promise<unknown>;
type Publish = (events: readonly BatonEvent[]) => Promise<void>;
type MakeWorkers = (database: Database, publish: Publish) => { workers: readonly [Look, Look]; stop: () => Promise<void> };

const ours: MakeWorkers = (database, publish) => {
  const relays = [0, 1].map(() => new Relay({ database, schema: 'referrals', transport: { ...recorder(), publish } })) as [Relay, Relay];
  return { workers: [() => relays[0].pass(), () => relays[1].pass()], stop: async () => void (await Promise.all(relays.map((relay) => relay.stop()))) };
};

/** A transaction that the test lets go on step by step. */
function openTransaction(database: Database, steps: readonly ((tx: Tx) => Promise<unknown>)[]): { step: () => Promise<void>; commit: () => Promise<void> } {
  const turns = steps.map(gate);
  const done = steps.map(gate);
  const end = gate();
  let next = 0;
  const outcome = database.transaction(async (tx) => {
    for (const [i, step] of steps.entries()) {
      await turns[i]!.opened;
      await step(tx);
      done[i]!.open();
    }
    await end.opened;
  });
  return {
    step: async () => {
      const i = next++;
      turns[i]!.open();
      await Promise.race([done[i]!.opened, outcome]);
    },
    commit: async () => {
      end.open();
      await outcome;
    },
  };
}

const lock = statement('SELECT version FROM referrals.thing WHERE id = $1 FOR UPDATE');
const touch = statement('INSERT INTO referrals.thing (id, version) VALUES ($1, 0)');

/** Transaction A draws the first number and stays open; B draws the second and commits; the relay looks; A commits. */
async function lateCommit(database: Database, make: MakeWorkers): Promise<string[]> {
  const transport = recorder();
  const { workers, stop } = make(database, transport.publish);
  const late = openTransaction(database, [(tx) => writeOutbox(tx, 'referrals', [accepted('late', 1)], caller)]);
  await late.step();
  await database.transaction((tx) => writeOutbox(tx, 'referrals', [accepted('early', 1)], caller));
  await workers[0]();
  await late.commit();
  await workers[0]();
  await workers[0]();
  await stop();
  return transport.seen;
}

/**
 * Transaction B writes something before it asks for the aggregate's lock (so its transaction id is the lower one), A gets
 * the lock first and makes version 1, B makes version 2.
 */
async function orderInversion(database: Database, make: MakeWorkers): Promise<string[]> {
  const transport = recorder();
  await database.query(touch, ['contended']);
  const { workers, stop } = make(database, transport.publish);
  const b = openTransaction(database, [(tx) => tx.query(touch, ['elsewhere']), async (tx) => (await tx.query(lock, ['contended']), writeOutbox(tx, 'referrals', [accepted('contended', 2)], caller))]);
  await b.step();
  await database.transaction(async (tx) => {
    await tx.query(lock, ['contended']);
    await writeOutbox(tx, 'referrals', [accepted('contended', 1)], caller);
  });
  await b.step();
  await b.commit();
  await workers[0]();
  await stop();
  return transport.seen;
}

/** Two versions wait; one worker is slow to send what it took while another one looks. */
async function twoWorkers(database: Database, make: MakeWorkers): Promise<string[]> {
  const otherLooked = gate();
  const firstSends = gate();
  const transport = recorder(async (_batch, nth) => {
    if (nth > 1) return;
    firstSends.open();
    await otherLooked.opened;
  });
  for (const version of [1, 2]) await database.transaction((tx) => writeOutbox(tx, 'referrals', [accepted('shared', version)], caller));
  const { workers, stop } = make(database, transport.publish);
  const slow = workers[0]();
  await firstSends.opened;
  await workers[1]();
  otherLooked.open();
  await slow;
  await workers[0]();
  await stop();
  return transport.seen;
}

describe('The relay loses nothing and reorders nothing', () => {
  let services: TwoServices;
  beforeAll(async () => void (services = await twoServices()));
  afterAll(() => services.drop());
  beforeEach(() => services.test.admin('TRUNCATE referrals.outbox, referrals.relayed, referrals.thing'));

  it('sends a row that was committed late, behind higher numbers', async () => {
    expect(await lateCommit(services.referrals, ours)).toEqual(['early:1', 'late:1']);
    expect(await services.test.admin('SELECT * FROM referrals.outbox')).toEqual([]);
  });

  it('keeps the order of an aggregate whose later change has the lower transaction id', async () => {
    expect(await orderInversion(services.referrals, ours)).toEqual(['contended:1', 'contended:2']);
  });

  it('keeps the order when a second worker looks while the first one sends', async () => {
    expect(await twoWorkers(services.referrals, ours)).toEqual(['shared:1', 'shared:2']);
  });

  describe('and these tests can tell: recipes that look right fail them', () => {
    /** Transactions in other databases of the server hold the snapshot horizon back too, and hide the fault: it shows when none of them does. */
    const comesToSend = (wanted: readonly string[], sending: () => Promise<string[]>): Promise<void> =>
      eventually(async () => {
        await services.test.admin('TRUNCATE referrals.outbox, referrals.relayed, referrals.thing');
        expect(await sending()).toEqual(wanted);
      }, { within: 20_000 });

    it('a cursor at the last number sent loses the late row', async () => {
      expect(await lateCommit(services.referrals, naiveRelays.cursorByNumber)).toEqual(['early:1']);
    });

    it('a cursor by number that stops at the snapshot horizon loses the late row that is written last', async () => {
      await comesToSend(['early:1'], () => lateWriterBehindHorizon(services.referrals, naiveRelays.numberBelowHorizon));
      await services.test.admin('TRUNCATE referrals.outbox, referrals.relayed');
      expect((await lateWriterBehindHorizon(services.referrals, ours)).sort()).toEqual(['early:1', 'late:1']);
    });

    it('ordering by transaction id turns the order of an aggregate round', async () => {
      await comesToSend(['contended:2', 'contended:1'], () => orderInversion(services.referrals, naiveRelays.byTransactionId));
    });

    it('SKIP LOCKED with two workers turns the order of an aggregate round', async () => {
      expect(await twoWorkers(services.referrals, naiveRelays.skipLocked)).toEqual(['shared:2', 'shared:1']);
    });
  });
});

/** The late transaction has drawn its number but gets its transaction id only when it writes, after the horizon was computed. */
async function lateWriterBehindHorizon(database: Database, make: MakeWorkers): Promise<string[]> {
  const transport = recorder();
  const { workers, stop } = make(database, transport.publish);
  const drawn = openTransaction(database, [
    (tx) => tx.query(statement(`SELECT set_config('baton.drawn', nextval(pg_get_serial_sequence('referrals.outbox', 'seq'))::text, true)`)),
    (tx) =>
      tx.query(
        statement(`INSERT INTO referrals.outbox (seq, event_id, topic, key, type, version, correlation_id, causation_id, data)
          OVERRIDING SYSTEM VALUE VALUES (current_setting('baton.drawn')::bigint, gen_random_uuid(), 'baton.referrals.referral', 'late', 'baton.referrals.referral-accepted.v1', 1, '', '', '{}')`),
      ),
  ]);
  await drawn.step();
  await database.transaction((tx) => writeOutbox(tx, 'referrals', [accepted('early', 1)], caller));
  await workers[0]();
  await drawn.step();
  await drawn.commit();
  await workers[0]();
  await stop();
  return transport.seen;
}
