import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { assignByTopic } from './assigner.js';
import { atMost, inWords, METADATA_MAX_AGE, PATIENT } from './client.js';
import type { TopicPartition } from './feeds.js';

export interface GroupSessionOptions {
  readonly kafka: Kafka;
  readonly group: string;
  readonly topics: readonly string[];
  /** Milliseconds without a sign of life after which the brokers give our partitions to others. */
  readonly sessionMs: number;
  /** Called before each first joining of a consumer; it is not waited for long. */
  readonly beforeJoining: () => Promise<void>;
  /** Called at each joining, before anything of the new assignment is fetched. */
  readonly onAssigned: (partitions: readonly TopicPartition[]) => void;
  /** Takes what was fetched from one partition. Must return soon and never reject. */
  readonly onFetched: (fetched: EachBatchPayload) => Promise<void>;
  /** Told in one sentence what goes wrong. */
  readonly report: (says: string) => void;
}

/** A fetch that finds nothing returns after so long, and a heartbeat follows: it bounds how late we learn of a rebalance. */
const FETCH_WAIT = 250;

/**
 * No fetch, heartbeat or joining for so long means that something is wrong, even if kafkajs does not say so: it goes on asking where nobody is
 * any more, on a connection that nobody has closed.
 */
const SILENT_MS = 5000;

/** A consumer that fetches for so long after it joined is well again: some that were made anew join, and crash at what they fetch. */
const STEADY_MS = 3000;

/**
 * A membership in a consumer group that lasts. kafkajs' consumer stops for good at an error that it holds to be final, and sometimes without
 * saying so: then it is thrown away and another one made, after a pause that grows, for as long as it takes.
 */
export class GroupSession {
  private consumer: Consumer | undefined;
  private readonly ending = new AbortController();
  private living: Promise<void> | undefined;
  private lastSign = performance.now();
  private crashes = 0;
  private joinedAt = -Infinity;
  private isLast = false;
  private markJoined: () => void = () => undefined;
  /** Resolves at the first joining. */
  readonly joined = new Promise<void>((resolve) => (this.markJoined = resolve));

  constructor(private readonly options: GroupSessionOptions) {}

  start(): void {
    this.living ??= this.live();
  }

  /** Crashes in a row; 1 while there is no sign of life. */
  get failing(): number {
    return Math.max(this.crashes, performance.now() - this.lastSign > SILENT_MS ? 1 : 0);
  }

  pause(at: TopicPartition): void {
    this.consumer?.pause([{ topic: at.topic, partitions: [at.partition] }]);
  }

  resume(at: TopicPartition): void {
    this.consumer?.resume([{ topic: at.topic, partitions: [at.partition] }]);
  }

  /** No new consumer is made any more: the present one serves until `stop`. @returns when the membership is lost, if it is */
  async last(): Promise<void> {
    this.isLast = true;
    let over = false;
    void this.living?.finally(() => (over = true));
    while (!over && performance.now() - this.lastSign < this.options.sessionMs) await sleep(100);
  }

  /** Leaves the group. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.living;
  }

  private async live(): Promise<void> {
    while (!this.ending.signal.aborted) {
      const error = await this.untilCrash();
      this.options.onAssigned([]);
      if (this.ending.signal.aborted || this.isLast) return;
      this.crashes++;
      this.options.report(`The consumer of ${this.options.group} ended (${inWords(error)}); it is made anew`);
      await sleep(Math.min(50 * 2 ** this.crashes, 5000), undefined, { signal: this.ending.signal }).catch(() => undefined);
    }
  }

  /** Runs one consumer of kafkajs until it crashes or we stop. @returns why it crashed */
  private async untilCrash(): Promise<unknown> {
    const { kafka, group, sessionMs, topics } = this.options;
    const consumer = kafka.consumer({
      groupId: group,
      partitionAssigners: [assignByTopic],
      sessionTimeout: sessionMs,
      rebalanceTimeout: sessionMs,
      heartbeatInterval: Math.min(1000, sessionMs / 4),
      maxWaitTimeInMs: FETCH_WAIT,
      maxBytesPerPartition: 524_288,
      maxBytes: 5_242_880,
      metadataMaxAge: METADATA_MAX_AGE,
      allowAutoTopicCreation: false,
      retry: { ...PATIENT, restartOnFailure: () => Promise.resolve(false) },
    });
    this.consumer = consumer;
    const over = new Over();
    this.listen(consumer, over);
    this.ending.signal.addEventListener('abort', over.end, { once: true });
    const watch = setInterval(() => {
      if (performance.now() - this.lastSign > SILENT_MS + 2 * sessionMs) over.end(new Error('no sign of life'));
    }, 1000);
    const run = async (): Promise<void> => {
      await atMost(2000, this.options.beforeJoining());
      await consumer.connect();
      // From the beginning, always: otherwise kafkajs leaps to the end where a position is out of range.
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 64, eachBatch: (fetched) => (this.consumer === consumer ? this.options.onFetched(fetched) : Promise.resolve()) });
    };
    run().catch((error: unknown) => over.end(error));
    const why = await over.reason;
    clearInterval(watch);
    this.ending.signal.removeEventListener('abort', over.end);
    this.consumer = undefined;
    await atMost(3000, consumer.disconnect());
    return why;
  }

  private listen(consumer: Consumer, over: Over): void {
    this.sign();
    const { events } = consumer;
    consumer.on(events.FETCH, () => {
      this.sign();
      if (this.crashes > 0 && performance.now() - this.joinedAt > STEADY_MS) this.crashes = 0;
    });
    consumer.on(events.HEARTBEAT, () => this.sign());
    consumer.on(events.CRASH, ({ payload }) => over.end(payload.error));
    consumer.on(events.GROUP_JOIN, ({ payload }) => {
      if (this.consumer !== consumer) return;
      this.sign();
      this.joinedAt = performance.now();
      this.options.onAssigned(Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition }))));
      this.markJoined();
    });
  }

  private sign(): void {
    this.lastSign = performance.now();
  }
}

/** Something that is over once, for the first reason given. */
class Over {
  end: (reason?: unknown) => void = () => undefined;
  readonly reason = new Promise<unknown>((resolve) => (this.end = resolve));
}
