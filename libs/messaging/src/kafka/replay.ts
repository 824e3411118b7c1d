import { newId } from '@baton/kernel';
import type { EachBatchPayload, Kafka } from 'kafkajs';
import type { ReplayRequest } from '../transport.js';
import { atMost, pauses, type AdminConnection } from './client.js';
import { receivedOf } from './message.js';

/** A stretch of a partition: positions from `next` on, before `end`. */
interface Stretch {
  readonly topic: string;
  readonly partition: number;
  readonly end: number;
  next: number;
}

const BATCH = 500;

/**
 * Reads a window of time again, by a group of one member that is thrown away: it commits nothing, and no other group sees it.
 * @param prefix what the group's name begins with
 * @returns how many events were handled
 */
export async function replayKafka(kafka: Kafka, admin: AdminConnection, prefix: string, request: ReplayRequest, ending: AbortSignal): Promise<number> {
  const stretches = await windowOf(admin, request);
  if (stretches.length === 0) return 0;
  const group = `${prefix}.${newId()}`;
  try {
    return await new Replay(kafka, group, request, stretches).run(ending);
  } finally {
    await atMost(3000, admin.use((client) => client.deleteGroups([group])));
  }
}

async function windowOf(admin: AdminConnection, { topics, since, until }: ReplayRequest): Promise<Stretch[]> {
  const ofTopic = async (topic: string): Promise<Stretch[]> => {
    const from = await admin.use((client) => client.fetchTopicOffsetsByTimestamp(topic, since.getTime()));
    const to = await admin.use((client) => (until ? client.fetchTopicOffsetsByTimestamp(topic, until.getTime()) : client.fetchTopicOffsets(topic)));
    const ends = new Map(to.map(({ partition, offset }) => [partition, Number(offset)]));
    return from.map(({ partition, offset }) => ({ topic, partition, next: Number(offset), end: ends.get(partition) ?? 0 }));
  };
  return (await Promise.all(topics.map(ofTopic))).flat().filter(({ next, end }) => next < end);
}

class Replay {
  private handled = 0;
  private finish: (outcome?: { error: unknown }) => void = () => undefined;
  private readonly over = new Promise<{ error: unknown } | undefined>((resolve) => (this.finish = resolve));
  private chain: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly kafka: Kafka,
    private readonly group: string,
    private readonly request: ReplayRequest,
    private readonly stretches: readonly Stretch[],
  ) {}

  async run(ending: AbortSignal): Promise<number> {
    const consumer = this.kafka.consumer({ groupId: this.group, allowAutoTopicCreation: false, maxWaitTimeInMs: 100, retry: { ...pauses(30), restartOnFailure: () => Promise.resolve(false) } });
    const topics = [...new Set(this.stretches.map(({ topic }) => topic))];
    const stop = (): void => this.finish({ error: new Error('The transport is closed') });
    ending.addEventListener('abort', stop, { once: true });
    consumer.on(consumer.events.CRASH, ({ payload }) => this.finish({ error: payload.error }));
    // Where the end of a window holds nothing that is handed over, this still tells that it was passed.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => this.passed(payload.topic, payload.partition, Number(payload.lastOffset)));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
        for (const partition of partitions) {
          const stretch = this.find(topic, partition);
          if (stretch) consumer.seek({ topic, partition, offset: String(stretch.next) });
          else consumer.pause([{ topic, partitions: [partition] }]);
        }
      }
    });
    const begin = async (): Promise<void> => {
      await consumer.connect();
      await consumer.subscribe({ topics, fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatch: (fetched) => this.take(fetched) });
    };
    begin().catch((error: unknown) => this.finish({ error }));
    const outcome = await this.over;
    this.stopped = true;
    ending.removeEventListener('abort', stop);
    await atMost(5000, consumer.disconnect());
    if (outcome) throw outcome.error;
    return this.handled;
  }

  /** One batch at a time is handed over; a handler that rejects ends the replay. Never rejects itself. */
  private take(fetched: EachBatchPayload): Promise<void> {
    const { batch } = fetched;
    const stretch = this.find(batch.topic, batch.partition);
    if (!stretch) return Promise.resolve();
    const events = batch.messages.filter(({ offset }) => Number(offset) >= stretch.next && Number(offset) < stretch.end).map((message) => receivedOf(batch.topic, batch.partition, message));
    this.chain = this.chain.then(async () => {
      try {
        for (let i = 0; i < events.length && !this.stopped; i += BATCH) {
          const part = events.slice(i, i + BATCH);
          await this.request.handle(part);
          this.handled += part.length;
          // A long batch must not cost the membership: it would come again from its beginning.
          await fetched.heartbeat().catch(() => undefined);
        }
      } catch (error) {
        this.stopped = true;
        this.finish({ error });
      }
    });
    return this.chain;
  }

  private passed(topic: string, partition: number, last: number): void {
    const stretch = this.find(topic, partition);
    if (!stretch) return;
    stretch.next = Math.max(stretch.next, last + 1);
    if (this.stretches.every(({ next, end }) => next >= end)) this.finish();
  }

  private find(topic: string, partition: number): Stretch | undefined {
    return this.stretches.find((stretch) => stretch.topic === topic && stretch.partition === partition);
  }
}
