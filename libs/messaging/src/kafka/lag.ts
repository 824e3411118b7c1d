import type { Lag } from '../transport.js';
import type { AdminConnection } from './client.js';

/** Committed positions of a group, by topic and partition. */
export type Committed = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** Positions that a group has committed; of some topics, or all. Where there is none, there is no entry. */
export async function committedOf(admin: AdminConnection, group: string, topics?: readonly string[]): Promise<Committed> {
  const found = await admin.use((client) => client.fetchOffsets({ groupId: group, ...(topics ? { topics: [...topics] } : {}) }));
  return new Map(found.map(({ topic, partitions }) => [topic, new Map(partitions.map(({ partition, offset }): [number, number] => [partition, Number(offset)]).filter(([, offset]) => offset >= 0))]));
}

/** First and last positions of a topic's partitions. */
export async function endsOf(admin: AdminConnection, topic: string): Promise<{ partition: number; low: number; high: number }[]> {
  const ends = await admin.use((client) => client.fetchTopicOffsets(topic));
  return ends.map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) })).sort((a, b) => a.partition - b.partition);
}

/** How far a group is behind, over the topics it has positions in and those given. */
export async function kafkaLag(admin: AdminConnection, group: string, topics: readonly string[]): Promise<Lag[]> {
  const committed = await committedOf(admin, group);
  const all = [...new Set([...committed.keys(), ...topics])].sort();
  const lags = await Promise.all(
    all.map(async (topic) =>
      (await endsOf(admin, topic)).map(({ partition, low, high }) => ({ topic, partition, events: Math.max(0, high - Math.max(low, committed.get(topic)?.get(partition) ?? low)) })),
    ),
  );
  return lags.flat();
}
