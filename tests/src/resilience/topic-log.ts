import { randomUUID } from 'node:crypto';
import { EVENTS } from '@baton/contracts';
import { Kafka, logLevel, type Consumer } from 'kafkajs';
import type { Violation } from '../durability/invariants.js';

/** One message of Baton's, as it lies on a topic. */
interface Logged {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  readonly version: number;
}

/** A client that is none of Baton's. */
export const plainKafka = (brokers: string): Kafka => new Kafka({ clientId: 'resilience', brokers: brokers.split(','), logLevel: logLevel.NOTHING, retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 1000 } });

const TOPICS = [...new Set(EVENTS.map(({ topic }) => topic))];
const READ_WITHIN_MS = 60_000;

/**
 * Judges what lies on the topics in the end, read by a client of its own. A relay that died or was late may send again what was sent: each
 * event's first appearance counts. Of each aggregate they come in order without a gap (4), each version once (3).
 */
export async function logViolations(brokers: string): Promise<Violation[]> {
  return judge(await everything(brokers));
}

/** @param logged in the order of each partition */
export function judge(logged: readonly Logged[]): Violation[] {
  const last = new Map<string, { version: number; ids: Map<number, string> }>();
  return logged.flatMap(({ id, topic, key, version }): Violation[] => {
    const aggregate = last.get(`${topic} ${key}`) ?? { version: 0, ids: new Map<number, string>() };
    last.set(`${topic} ${key}`, aggregate);
    const before = aggregate.ids.get(version);
    if (before === id) return [];
    if (before !== undefined) return [{ invariant: 3, says: `version ${version} of ${key} lies on ${topic} as ${before} and as ${id}` }];
    aggregate.ids.set(version, id);
    const expected = aggregate.version + 1;
    aggregate.version = version;
    return version === expected ? [] : [{ invariant: 4, says: `version ${version} of ${key} lies on ${topic} after version ${expected - 1}` }];
  });
}

async function everything(brokers: string): Promise<Logged[]> {
  const kafka = plainKafka(brokers);
  const ends = await endsOf(kafka);
  const logged: Logged[] = [];
  const consumer = kafka.consumer({ groupId: `resilience-${randomUUID()}` });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: TOPICS, fromBeginning: true });
    await readUntil(consumer, ends, logged);
  } finally {
    await consumer.disconnect();
  }
  return logged;
}

/** `topic/partition` → offset behind the last message, where there is one. */
async function endsOf(kafka: Kafka): Promise<Map<string, number>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const all = await Promise.all(TOPICS.map(async (topic) => (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [`${topic}/${partition}`, Number(high)] as const)));
    return new Map(all.flat().filter(([, high]) => high > 0));
  } finally {
    await admin.disconnect();
  }
}

async function readUntil(consumer: Consumer, ends: Map<string, number>, into: Logged[]): Promise<void> {
  const left = new Map(ends);
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  if (left.size === 0) done();
  await consumer.run({
    eachMessage: ({ topic, partition, message }) => {
      const { ce_id: id, ce_sequence: sequence } = message.headers ?? {};
      // What has no sequence is not Baton's.
      if (sequence !== undefined) into.push({ id: String(id), topic, key: String(message.key), version: Number(String(sequence)) });
      const place = `${topic}/${partition}`;
      if (Number(message.offset) + 1 >= (left.get(place) ?? 0)) left.delete(place);
      if (left.size === 0) done();
      return Promise.resolve();
    },
  });
  const late = setTimeout(() => done(), READ_WITHIN_MS);
  await all;
  clearTimeout(late);
  if (left.size > 0) throw new Error(`The topics could not be read to their ends within ${READ_WITHIN_MS / 1000} s: ${[...left.keys()].join(', ')}`);
}
