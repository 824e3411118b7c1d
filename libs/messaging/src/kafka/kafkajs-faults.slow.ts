import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { kafkaForTests } from '@baton/kafka';
import kafkajs, { CompressionTypes, type Admin } from 'kafkajs';
import type { Subscription } from '../transport.js';
import { cuttableSockets } from './cut-off.fixture.js';
import { KafkaTransport, type KafkaTransportOptions } from './kafka-transport.js';
import { messageOf } from './message.js';
import { kafkaPartitionOf } from './murmur2.js';
import { event, freshTopic, Notes, plainKafka, sendPlainly, until, versions } from './spec-broker.fixture.js';

const kafka = await kafkaForTests();

/** Faults of kafkajs 2.2.4, each provoked. */
(kafka ? describe : describe.skip)('With the faults of kafkajs, the transport', () => {
  const { brokers } = kafka ?? { brokers: '' };
  const opened: KafkaTransport[] = [];
  let reports: string[];
  let admin: Admin;

  const transport = (schema: 'referrals' | 'consent', more: Partial<KafkaTransportOptions> = {}): KafkaTransport => {
    const made = new KafkaTransport({ brokers: brokers.split(','), schema, sessionMs: 6000, report: (says) => reports.push(says), ...more });
    opened.push(made);
    return made;
  };
  const join = (on: KafkaTransport, topic: string, handle: Subscription['handle'], more: Partial<Subscription> = {}) => on.subscribe({ group: `consent-${topic}`, topics: [topic], handle, ...more });
  const lagOf = async (on: KafkaTransport, topic: string): Promise<number> => (await on.lag(`consent-${topic}`)).reduce((sum, { events }) => sum + events, 0);
  /** Keys of which each has a partition of its own. */
  const keyOf = (partition: number): string => Array.from({ length: 500 }, (_, i) => `key-${i}`).find((key) => kafkaPartitionOf(key, 8) === partition)!;

  /** As retention does. */
  const removeBefore = async (topic: string, partition: number, offset: number): Promise<void> => {
    await until(async () => {
      try {
        // kafkajs needs to have heard of the topic.
        await admin.fetchTopicOffsets(topic);
        await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
        return true;
      } catch {
        return false;
      }
    }, 'records could not be removed');
  };

  beforeAll(async () => {
    admin = plainKafka(brokers).admin();
    await admin.connect();
  });
  beforeEach(() => void (reports = []));
  afterEach(async () => void (await Promise.all(opened.splice(0).map((one) => one.close()))));
  afterAll(() => admin.disconnect());

  it('makes a new consumer when kafkajs holds an error to be final, is failing meanwhile, and goes on by itself', async () => {
    // kafkajs cannot read zstd, and stops for good where it finds some.
    const topic = await freshTopic(brokers, { settings: { 'compression.type': 'producer' } });
    await withZstd(() => sendPlainly(brokers, topic, [{ ...messageOf(event(topic, 'k', 1)) }], { compression: CompressionTypes.ZSTD }));
    const notes = new Notes();
    const member = await join(transport('consent'), topic, notes.take);
    await until(() => member.status().failing > 1, 'it does not tell');
    expect(member.status().partitions).toBe(0);
    expect(reports.some((says) => says.includes('KafkaJSNotImplemented'))).toBe(true);
    await removeBefore(topic, 0, 1);
    await sendPlainly(brokers, topic, [messageOf(event(topic, 'k', 2))]);
    await until(() => notes.of('k').includes(2), 'it does not go on');
    await until(() => member.status().failing === 0, 'it still seems to fail');
  }, 60_000);

  it('has topics in which the brokers store plainly what somebody sent in a form that kafkajs cannot read', async () => {
    const topic = await freshTopic(brokers);
    await withZstd(() => sendPlainly(brokers, topic, [messageOf(event(topic, 'k', 1))], { compression: CompressionTypes.ZSTD }));
    const notes = new Notes();
    await join(transport('consent'), topic, notes.take);
    await until(() => notes.of('k').includes(1), 'it was not read');
  });

  it('keeps a failing handler from kafkajs: no new joining, no stop, other partitions flow, and lag tells', async () => {
    const topic = await freshTopic(brokers);
    const [bad, good] = [keyOf(0), keyOf(1)];
    const notes = new Notes();
    const on = transport('consent');
    let shut = true;
    let tries = 0;
    const member = await join(on, topic, async (batch) => {
      if (shut && batch.some(({ event: { key } }) => key === bad)) {
        tries++;
        throw new TypeError('what kafkajs would crash at');
      }
      await notes.take(batch);
    });
    const publisher = transport('referrals');
    await publisher.publish([...versions(topic, bad, 1, 3), ...versions(topic, good, 1, 3)]);
    for (let version = 4; version <= 8; version++) {
      await publisher.publish([event(topic, good, version)]);
      await sleep(100);
    }
    await until(() => notes.of(good).length === 8, 'the other partition stands still');
    await until(() => tries >= 3, 'it is not tried again');
    expect(member.status()).toMatchObject({ partitions: 8, missed: 0 });
    expect(member.status().failing).toBeGreaterThan(0);
    await until(async () => (await lagOf(on, topic)) === 3, 'the lag is not that of the bad partition');
    shut = false;
    await until(() => notes.of(bad).length === 3, 'it does not come again');
    expect(notes.of(bad)).toEqual([1, 2, 3]);
    expect(reports).toEqual([]);
  });

  it('keeps its partitions while a handler takes longer than a session lasts', async () => {
    const topic = await freshTopic(brokers);
    const sessionMs = kafka?.from === 'local broker' ? 2000 : 6000;
    const notes = new Notes();
    let calls = 0;
    const handle: Subscription['handle'] = async (batch) => {
      calls++;
      await sleep(2 * sessionMs);
      await notes.take(batch);
    };
    await join(transport('consent', { sessionMs }), topic, handle);
    await join(transport('consent', { sessionMs }), topic, handle);
    await transport('referrals').publish(versions(topic, 'k', 1, 3));
    await until(() => notes.received.length > 0, 'it does not end');
    await sleep(500);
    expect(calls).toBe(1);
    expect(notes.of('k')).toEqual([1, 2, 3]);
  }, 60_000);

  it('reads a topic that only some members of a group read, as while a new version is rolled out', async () => {
    const [one, two] = [await freshTopic(brokers), await freshTopic(brokers)];
    const [older, newer] = [new Notes(), new Notes()];
    const group = `consent-${one}`;
    await transport('consent').subscribe({ group, topics: [one], handle: older.take });
    await transport('consent').subscribe({ group, topics: [one, two], handle: newer.take });
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    await transport('referrals').publish(keys.flatMap((key) => [event(one, key, 1), event(two, key, 1)]));
    const arrived = (topic: string): number => new Set([...older.received, ...newer.received].filter((got) => got.event.topic === topic).map((got) => got.event.id)).size;
    await until(() => arrived(one) === 20 && arrived(two) === 20, 'something is nobody\'s');
    expect(older.received.every((got) => got.event.topic === one)).toBe(true);
  });

  it('does not leap to the end where a position is out of range, and counts what was removed', async () => {
    const topic = await freshTopic(brokers);
    const key = keyOf(2);
    const first = new Notes();
    const publisher = transport('referrals');
    await publisher.publish(versions(topic, key, 1, 4));
    const before = transport('consent');
    await join(before, topic, first.take);
    await until(() => first.of(key).length === 4, 'the beginning was not read');
    await before.close();
    await publisher.publish(versions(topic, key, 5, 12));
    await removeBefore(topic, 2, 9);
    const second = new Notes();
    const member = await join(transport('consent'), topic, second.take);
    await until(() => second.of(key).length === 3, 'the rest was not read');
    expect(second.of(key)).toEqual([10, 11, 12]);
    expect(member.status().missed).toBe(5);
    expect(reports.some((says) => says.includes('missed 5 events'))).toBe(true);
  });

  it('counts what retention removes while a partition stands still', async () => {
    const topic = await freshTopic(brokers);
    const key = keyOf(2);
    const notes = new Notes();
    let shut = true;
    const member = await join(transport('consent'), topic, (batch) => (shut ? Promise.reject(new Error('shut')) : notes.take(batch)), { batchSize: 2 });
    const publisher = transport('referrals');
    // As many as fill the partition's queue, so that fetching pauses; the rest is removed before it is fetched.
    await publisher.publish(versions(topic, key, 1, 10));
    await until(() => member.status().failing > 3, 'it does not fail');
    await publisher.publish(versions(topic, key, 11, 20));
    await sleep(500);
    await removeBefore(topic, 2, 15);
    shut = false;
    await until(() => notes.of(key).includes(20), 'the end was not read');
    expect(notes.of(key).length + member.status().missed).toBe(20);
    expect(member.status().missed).toBe(5);
  });

  it('does not rely on the idempotent producer: it goes on where sequence numbers begin anew', async () => {
    const topic = await freshTopic(brokers);
    const publisher = transport('referrals');
    await publisher.publish(versions(topic, 'k', 1, 5));
    await admin.deleteTopics({ topics: [topic] });
    await sleep(300);
    await admin.createTopics({ topics: [{ topic, numPartitions: 8 }], waitForLeaders: true });
    await publisher.publish(versions(topic, 'k', 6, 8));
    const notes = new Notes();
    await join(transport('consent'), topic, notes.take);
    await until(() => notes.of('k').length === 3, 'they did not arrive');
  });

  it('hands over what stands at positions that were handled before, when a topic was made anew beneath it', async () => {
    const topic = await freshTopic(brokers);
    const publisher = transport('referrals');
    const notes = new Notes();
    await join(transport('consent'), topic, notes.take);
    await publisher.publish(versions(topic, 'k', 1, 5));
    await until(() => notes.of('k').length === 5, 'the first did not arrive');
    await admin.deleteTopics({ topics: [topic] });
    await sleep(300);
    await admin.createTopics({ topics: [{ topic, numPartitions: 8 }], waitForLeaders: true });
    await publisher.publish(versions(topic, 'k', 6, 8));
    await until(() => notes.firstOf('k').length === 8, 'the others did not arrive', 40_000);
  }, 60_000);

  it('sets no timers of negative length, and none while nothing happens', async () => {
    const topic = await freshTopic(brokers);
    const program = fileURLToPath(new URL('./idle-client.fixture.js', import.meta.url));
    const child = spawn(process.execPath, [program, brokers, topic], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
    await once(child, 'exit');
    expect(said.err).toBe('');
    expect(Number(said.out)).toBeLessThan(150);
  });

  it('hands over what is no event, marked, in its place; others flow, also one whose header comes twice', async () => {
    const topic = await freshTopic(brokers);
    const good = event(topic, 'good', 1);
    const twice = messageOf(event(topic, 'twice', 1));
    await sendPlainly(brokers, topic, [
      messageOf(event(topic, 'bad', 1)),
      { key: 'bad', value: null, headers: messageOf(event(topic, 'bad', 2)).headers },
      { key: 'bad', value: '{"broken' },
      { key: 'bad', value: '{}', headers: { ce_id: ['a', 'b'] } },
      messageOf(good),
      { ...twice, headers: { ...twice.headers, ce_type: ['baton.referrals.another.v1', twice.headers['ce_type']!] } },
    ]);
    const notes = new Notes();
    await join(transport('consent'), topic, notes.take);
    await until(() => notes.received.length === 6, 'something was left out');
    expect(notes.received.map((one) => one.unreadable ?? one.event.key)).toEqual(['bad', 'no value', 'value is no JSON object', 'attribute is missing or malformed', 'good', 'twice']);
    expect(notes.received.slice(0, 4).every(({ event: { key } }) => key === 'bad')).toBe(true);
  });

  it('refuses an event that the brokers hold to be too big at once, and publishes the next one', async () => {
    const topic = await freshTopic(brokers);
    const publisher = transport('referrals');
    const began = performance.now();
    const tooBig = event(topic, 'k', 1, { filling: 'x'.repeat(10_000_000) });
    await expect(publisher.publish([tooBig])).rejects.toMatchObject({ name: 'EventsRefused', refused: [tooBig], why: expect.stringContaining('MESSAGE_TOO_LARGE') });
    expect(performance.now() - began).toBeLessThan(10_000);
    await publisher.publish([event(topic, 'k', 1)]);
  });

  it('publishes a batch that is too big for one request, in order', async () => {
    const topic = await freshTopic(brokers);
    const filling = 'x'.repeat(9000);
    await transport('referrals').publish(Array.from({ length: 500 }, (_, i) => event(topic, 'k', i + 1, { filling })));
    const notes = new Notes();
    await join(transport('consent'), topic, notes.take);
    await until(() => notes.of('k').length === 500, 'not all arrived');
    expect(notes.of('k')).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  });

  it('keeps the order of one key when batches are published at the same time', async () => {
    const topic = await freshTopic(brokers);
    const publisher = transport('referrals');
    await Promise.all(Array.from({ length: 50 }, (_, i) => publisher.publish([event(topic, 'k', i + 1)])));
    const notes = new Notes();
    await join(transport('consent'), topic, notes.take);
    await until(() => notes.of('k').length === 50, 'not all arrived');
    expect(notes.of('k')).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('leaves positions alone that others have moved, when a member wakes up late with a batch in hand', async () => {
    const topic = await freshTopic(brokers);
    const { socketFactory, cut, mend } = cuttableSockets();
    let wake: () => void = () => undefined;
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    let begun = 0;
    const late = await join(transport('consent', { connection: { socketFactory } }), topic, async () => {
      begun++;
      await asleep;
    }, { batchSize: 2 });
    const publisher = transport('referrals');
    await publisher.publish(versions(topic, 'k', 1, 10));
    await until(() => begun > 0, 'nothing was handed over');
    cut();
    const notes = new Notes();
    const other = transport('consent');
    await join(other, topic, notes.take);
    await until(() => notes.of('k').length === 10, 'the other one did not take over', 30_000);
    await until(async () => (await lagOf(other, topic)) === 0, 'the other one did not commit');
    mend();
    wake();
    await until(() => late.status().failing === 0 && late.status().partitions > 0, 'the late one did not come back', 30_000);
    await sleep(500);
    expect(await lagOf(other, topic)).toBe(0);
  }, 90_000);

  it('gives up connections on which nothing comes any more, and makes new ones', async () => {
    const topic = await freshTopic(brokers);
    const sockets = [cuttableSockets(), cuttableSockets()] as const;
    const publisher = transport('referrals', { connection: { socketFactory: sockets[0].socketFactory } });
    const notes = new Notes();
    const member = await join(transport('consent', { connection: { socketFactory: sockets[1].socketFactory }, ...(kafka?.from === 'local broker' ? { sessionMs: 2000 } : {}) }), topic, notes.take);
    await publisher.publish([event(topic, 'k', 1)]);
    await until(() => notes.of('k').length === 1, 'nothing arrived');
    sockets.forEach(({ silence }) => silence());
    const published = publisher.publish([event(topic, 'k', 2)]);
    await sleep(500);
    sockets.forEach(({ mend }) => mend());
    await until(() => member.status().failing > 0, 'it does not tell');
    await published;
    await until(() => notes.firstOf('k').length === 2, 'it does not go on', 40_000);
    sockets.forEach(({ bury }) => bury());
  }, 90_000);

  it('replays without a trace: no group is left', async () => {
    const topic = await freshTopic(brokers);
    const on = transport('referrals');
    await on.publish(versions(topic, 'k', 1, 3));
    const notes = new Notes();
    expect(await on.replay({ topics: [topic], since: new Date(0), handle: notes.take })).toBe(3);
    const { groups } = await admin.listGroups();
    expect(groups.filter(({ groupId }) => groupId.startsWith('replay.referrals.'))).toEqual([]);
  });

  it('replays a stretch whose beginning was removed', async () => {
    const topic = await freshTopic(brokers);
    const on = transport('referrals');
    await on.publish(versions(topic, keyOf(3), 1, 6));
    await removeBefore(topic, 3, 4);
    const notes = new Notes();
    expect(await on.replay({ topics: [topic], since: new Date(0), handle: notes.take })).toBe(2);
    expect(notes.of(keyOf(3))).toEqual([5, 6]);
  });
});

/** Lets kafkajs write zstd for a while, as a producer of somebody else's would. */
async function withZstd(work: () => Promise<void>): Promise<void> {
  const codecs = kafkajs.CompressionCodecs as unknown as Record<number, unknown>;
  const before = codecs[CompressionTypes.ZSTD];
  codecs[CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => zstdCompressSync(buffer),
    decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
  });
  try {
    await work();
  } finally {
    codecs[CompressionTypes.ZSTD] = before;
  }
}

