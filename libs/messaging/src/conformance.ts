import { setTimeout as sleep } from 'node:timers/promises';
import type { BatonEvent } from '@baton/contracts';
import { sampleEvent } from './spec/sample-event.js';
import type { Received, Subscribed, Subscription, Transport } from './transport.js';

/** What the suite needs of an implementation. Nothing in it may depend on which one runs. */
export interface TransportUnderTest {
  /** A new topic of one publisher, with several partitions and nothing in it. */
  freshTopic(): Promise<string>;
  /** A transport that may publish to these topics; each call stands for another process. */
  publisher(): Promise<Transport>;
  /** A transport of the consuming service; each call stands for another process. */
  subscriber(): Promise<Transport>;
  /** Ends a subscriber like a killed process: it says good-bye to nobody, and its handlers' outcomes go nowhere. */
  kill(subscriber: Transport): Promise<void>;
  close(): Promise<void>;
}

const DEADLINE = 20_000;

/** With data that a careless transport would change. */
const event = (topic: string, key: string, version: number): BatonEvent => sampleEvent(topic, key, version, { referral: key, 'née': ['ß', '\u2028', { deep: null }], n: 1.5 });

const run = (topic: string, key: string, from: number, to: number): BatonEvent[] => Array.from({ length: to - from + 1 }, (_, i) => event(topic, key, from + i));

/** What a group was given, over all its members. */
class Notebook {
  readonly received: (Received & { by: string })[] = [];

  take(by: string): Subscription['handle'] {
    return async (batch) => void this.received.push(...batch.map((one) => ({ ...one, by })));
  }

  /** Versions of a key in the order in which they first arrived. */
  firstArrivals(key: string): number[] {
    return [...new Set(this.received.filter(({ event }) => event.key === key).map(({ event }) => event.version))];
  }

  async has(count: number): Promise<void> {
    await until(() => this.distinct() >= count, () => `${this.distinct()} of ${count} events arrived`);
  }

  distinct(): number {
    return new Set(this.received.map(({ event }) => event.id)).size;
  }
}

async function until(check: () => boolean | Promise<boolean>, says: () => string): Promise<void> {
  const deadline = Date.now() + DEADLINE;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`Not within ${DEADLINE} ms: ${says()}`);
    await sleep(10);
  }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** Runs the sentences of the port against an implementation. Under Jest. */
export function describeTransport(name: string, make: () => Promise<TransportUnderTest>): void {
  describe(`The transport port on ${name}`, () => {
    let under: TransportUnderTest;
    let publisher: Transport;
    const opened: Transport[] = [];

    beforeAll(async () => {
      under = await make();
      publisher = await under.publisher();
    }, 60_000);
    afterAll(async () => {
      await publisher.close();
      await under.close();
    }, 60_000);
    afterEach(async () => void (await Promise.all(opened.splice(0).map((transport) => transport.close()))), 60_000);

    const subscriber = async (): Promise<Transport> => {
      const transport = await under.subscriber();
      opened.push(transport);
      return transport;
    };
    const join = async (topic: string, handle: Subscription['handle'], more: Partial<Subscription> = {}): Promise<Subscribed & { transport: Transport }> => {
      const transport = await subscriber();
      const member = await transport.subscribe({ group: `group-${topic}`, topics: [topic], handle, ...more });
      return { transport, status: () => member.status(), close: () => member.close() };
    };
    const totalLag = async (transport: Transport, group: string): Promise<number> => (await transport.lag(group)).reduce((sum, { events }) => sum + events, 0);
    const it_ = (rule: string, test: () => Promise<void>): void => it(rule, test, 3 * DEADLINE);

    it_('carries an event unchanged', async () => {
      const topic = await under.freshTopic();
      const notes = new Notebook();
      await join(topic, notes.take('a'));
      const sent: BatonEvent = { ...event(topic, 'k', 1), traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
      const without = event(topic, 'k', 2);
      await publisher.publish([sent, without]);
      await notes.has(2);
      expect(notes.received.map(({ event }) => event)).toEqual([sent, without]);
    });

    it_('gives a new group the events that were there before it', async () => {
      const topic = await under.freshTopic();
      await publisher.publish(run(topic, 'k', 1, 3));
      const notes = new Notebook();
      await join(topic, notes.take('a'));
      await publisher.publish(run(topic, 'k', 4, 5));
      await notes.has(5);
      expect(notes.firstArrivals('k')).toEqual(upTo(5));
    });

    it_('keeps the order per key, within a batch and over batches', async () => {
      const topic = await under.freshTopic();
      const keys = upTo(20).map((n) => `key-${n}`);
      const notes = new Notebook();
      await join(topic, notes.take('a'));
      for (let from = 1; from <= 41; from += 10) await publisher.publish(upTo(10).flatMap((n) => keys.map((key) => event(topic, key, from + n - 1))));
      await notes.has(20 * 50);
      for (const key of keys) expect(notes.firstArrivals(key)).toEqual(upTo(50));
    });

    it_('keeps the events of a key in one partition, and spreads keys over several', async () => {
      const topic = await under.freshTopic();
      const notes = new Notebook();
      await join(topic, notes.take('a'));
      await publisher.publish(upTo(40).flatMap((n) => run(topic, `key-${n}`, 1, 2)));
      await notes.has(80);
      const partitions = new Map<string, Set<number>>();
      for (const { event, partition } of notes.received) partitions.set(event.key, (partitions.get(event.key) ?? new Set()).add(partition));
      expect([...partitions.values()].every((set) => set.size === 1)).toBe(true);
      expect(new Set([...partitions.values()].flatMap((set) => [...set])).size).toBeGreaterThan(1);
    });

    it_('lets offsets grow within a partition', async () => {
      const topic = await under.freshTopic();
      const notes = new Notebook();
      await join(topic, notes.take('a'));
      for (const n of upTo(5)) await publisher.publish(run(topic, 'k', n * 2 - 1, n * 2));
      await notes.has(10);
      const offsets = notes.received.map(({ offset }) => BigInt(offset));
      expect(offsets.every((offset, i) => i === 0 || offset > offsets[i - 1]!)).toBe(true);
    });

    it_('takes events of several topics in one batch', async () => {
      const [one, other] = [await under.freshTopic(), await under.freshTopic()];
      const notes = new Notebook();
      const transport = await subscriber();
      await transport.subscribe({ group: `group-${one}`, topics: [one, other], handle: notes.take('a') });
      await publisher.publish([event(one, 'k', 1), event(other, 'k', 1), event(one, 'k', 2)]);
      await notes.has(3);
      expect(notes.received.filter(({ event }) => event.topic === one).map(({ event }) => event.version)).toEqual([1, 2]);
      expect(notes.received.filter(({ event }) => event.topic === other)).toHaveLength(1);
    });

    it_('publishes an empty batch without a trace', async () => {
      await expect(publisher.publish([])).resolves.toBeUndefined();
    });

    it_('gives every group every event', async () => {
      const topic = await under.freshTopic();
      const [one, other] = [new Notebook(), new Notebook()];
      await join(topic, one.take('a'), { group: `one-${topic}` });
      await join(topic, other.take('b'), { group: `other-${topic}` });
      await publisher.publish(run(topic, 'k', 1, 10));
      await Promise.all([one.has(10), other.has(10)]);
      expect(other.firstArrivals('k')).toEqual(one.firstArrivals('k'));
    });

    it_('never gives a batch more events than asked for', async () => {
      const topic = await under.freshTopic();
      await publisher.publish(upTo(10).flatMap((n) => run(topic, `key-${n}`, 1, 10)));
      const notes = new Notebook();
      const sizes: number[] = [];
      await join(topic, async (batch) => (sizes.push(batch.length), notes.take('a')(batch)), { batchSize: 7 });
      await notes.has(100);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(7);
    });

    it_('gives the same events again after a failure, and nothing of their keys before', async () => {
      const topic = await under.freshTopic();
      const notes = new Notebook();
      let failures = 3;
      await join(topic, async (batch) => {
        if (failures-- > 0) throw new Error('not now');
        await notes.take('a')(batch);
      });
      await publisher.publish(run(topic, 'k', 1, 5));
      await notes.has(5);
      expect(notes.received.map(({ event }) => event.version)).toEqual(upTo(5));
    });

    it_('commits after handling: what was not handled when a member leaves comes to the next one', async () => {
      const topic = await under.freshTopic();
      const [first, second] = [new Notebook(), new Notebook()];
      const one = await join(topic, first.take('a'));
      await publisher.publish(run(topic, 'k', 1, 5));
      await first.has(5);
      await one.close();
      await publisher.publish(run(topic, 'k', 6, 9));
      await join(topic, second.take('b'));
      await second.has(4);
      expect(second.firstArrivals('k')).toEqual([6, 7, 8, 9]);
    });

    it_('shares the partitions among members, and loses nothing when one joins', async () => {
      const topic = await under.freshTopic();
      const notes = new Notebook();
      const keys = upTo(40).map((n) => `key-${n}`);
      await join(topic, notes.take('a'));
      let version = 0;
      const publishRound = async (): Promise<void> => {
        version++;
        await publisher.publish(keys.map((key) => event(topic, key, version)));
      };
      await publishRound();
      await join(topic, notes.take('b'));
      await until(async () => (await publishRound(), await sleep(20), notes.received.some(({ by }) => by === 'b')), () => 'the second member got nothing');
      await publishRound();
      await notes.has(version * keys.length);
      for (const key of keys) expect(notes.firstArrivals(key)).toEqual(upTo(version));
    });

    it_('leaves the partitions of a member that leaves to the others', async () => {
      const topic = await under.freshTopic();
      const notes = new Notebook();
      const [one, other] = [await join(topic, notes.take('a')), await join(topic, notes.take('b'))];
      const keys = upTo(20).map((n) => `key-${n}`);
      await publisher.publish(keys.map((key) => event(topic, key, 1)));
      await notes.has(20);
      await one.close();
      await publisher.publish(keys.map((key) => event(topic, key, 2)));
      await notes.has(40);
      for (const key of keys) expect(notes.firstArrivals(key)).toEqual([1, 2]);
      expect(notes.received.filter(({ event, by }) => event.version === 2 && by === 'a')).toEqual([]);
      await other.close();
    });

    it_('leaves the partitions of a member that dies to the others, uncommitted events included', async () => {
      const topic = await under.freshTopic();
      const notes = new Notebook();
      let got = 0;
      const dying = await join(topic, (batch) => ((got += batch.length), new Promise<never>(() => undefined)));
      await publisher.publish(run(topic, 'k', 1, 3));
      await until(() => got > 0, () => 'the first member got nothing');
      opened.splice(opened.indexOf(dying.transport), 1);
      await under.kill(dying.transport);
      await join(topic, notes.take('b'));
      await notes.has(3);
      expect(notes.firstArrivals('k')).toEqual([1, 2, 3]);
    });

    it_('never hands one partition to one member twice at a time', async () => {
      const topic = await under.freshTopic();
      const inHand = new Set<number>();
      let overlaps = 0;
      const notes = new Notebook();
      const handle: Subscription['handle'] = async (batch) => {
        const partitions = new Set(batch.map(({ partition }) => partition));
        for (const partition of partitions) if (inHand.has(partition)) overlaps++;
        partitions.forEach((partition) => inHand.add(partition));
        await sleep(5);
        partitions.forEach((partition) => inHand.delete(partition));
        await notes.take('a')(batch);
      };
      await join(topic, handle, { concurrency: 4, batchSize: 5 });
      for (const n of upTo(5)) await publisher.publish(upTo(20).map((key) => event(topic, `key-${key}`, n)));
      await notes.has(100);
      expect(overlaps).toBe(0);
      for (const key of upTo(20)) expect(notes.firstArrivals(`key-${key}`)).toEqual(upTo(5));
    });

    it_('tells how far a group is behind, down to nothing', async () => {
      const topic = await under.freshTopic();
      const group = `group-${topic}`;
      let open = false;
      const member = await join(topic, async () => {
        if (!open) throw new Error('shut');
      });
      await publisher.publish(run(topic, 'k', 1, 7));
      await until(async () => (await totalLag(member.transport, group)) === 7, () => 'the lag is not 7');
      expect((await member.transport.lag(group)).every((lag) => lag.topic === topic)).toBe(true);
      open = true;
      await until(async () => (await totalLag(member.transport, group)) === 0, () => 'the lag does not go');
    });

    it_('replays from a moment on, in order, and moves no group', async () => {
      const topic = await under.freshTopic();
      const live = new Notebook();
      const member = await join(topic, live.take('live'));
      await publisher.publish(run(topic, 'k', 1, 3));
      await live.has(3);
      await sleep(5);
      const since = new Date();
      await sleep(5);
      await publisher.publish(run(topic, 'k', 4, 6));
      await live.has(6);
      const again = new Notebook();
      const count = await member.transport.replay({ topics: [topic], since, handle: again.take('replay') });
      expect(again.received.map(({ event }) => event.version)).toEqual([4, 5, 6]);
      expect(count).toBe(3);
      const all = new Notebook();
      await member.transport.replay({ topics: [topic], since: new Date(0), until: since, handle: all.take('replay') });
      expect(all.received.map(({ event }) => event.version)).toEqual([1, 2, 3]);
      await publisher.publish(run(topic, 'k', 7, 7));
      await live.has(7);
      expect(live.received.map(({ event }) => event.version)).toEqual(upTo(7));
      await until(async () => (await totalLag(member.transport, `group-${topic}`)) === 0, () => 'the lag does not go');
      expect(live.received).toHaveLength(7);
    });

    it_('ends a replay whose handler fails, with its error', async () => {
      const topic = await under.freshTopic();
      await publisher.publish(run(topic, 'k', 1, 3));
      const transport = await subscriber();
      const failing = transport.replay({ topics: [topic], since: new Date(0), handle: () => Promise.reject(new Error('enough')) });
      await expect(failing).rejects.toThrow('enough');
    });

    it_('finishes and commits the batch in hand when it closes', async () => {
      const topic = await under.freshTopic();
      const [first, second] = [new Notebook(), new Notebook()];
      let begun = false;
      const one = await join(topic, async (batch) => {
        begun = true;
        await sleep(200);
        await first.take('a')(batch);
      });
      await publisher.publish(run(topic, 'k', 1, 2));
      await until(() => begun, () => 'nothing was handed over');
      await one.transport.close();
      const before = first.distinct();
      expect(before).toBeGreaterThan(0);
      await publisher.publish(run(topic, 'k', 3, 3));
      await join(topic, second.take('b'));
      await second.has(3 - before);
      expect([...first.firstArrivals('k'), ...second.firstArrivals('k')]).toEqual([1, 2, 3]);
      expect(second.distinct()).toBe(3 - before);
    });
  });
}
