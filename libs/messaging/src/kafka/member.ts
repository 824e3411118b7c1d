import { setTimeout as sleep } from 'node:timers/promises';
import { crashPoint } from '@baton/kernel';
import type { EachBatchPayload, Kafka, OffsetsByTopicPartition } from 'kafkajs';
import { Pulse } from '../pulse.js';
import type { MemberStatus, Subscribed, Subscription } from '../transport.js';
import { atMost, type AdminConnection } from './client.js';
import { Feeds, type Feed, type Taken, type TopicPartition } from './feeds.js';
import { GroupSession } from './group-session.js';
import { committedOf, endsOf, type Committed } from './lag.js';
import { receivedOf } from './message.js';

export interface KafkaMemberOptions {
  readonly kafka: Kafka;
  readonly admin: AdminConnection;
  readonly sessionMs: number;
  readonly report: (says: string) => void;
}

/** Positions are committed at most this often, in milliseconds. */
const COMMIT_EVERY_MS = 50;
/** After a commit that failed, as it does while the group rebalances. */
const COMMIT_AGAIN_MS = 200;
/** Fetching waits so long for a full partition to be worked off before it goes on without it. */
const MAKE_ROOM_MS = 250;
/** A member that closes tries so long to commit what it handled. */
const LAST_COMMIT_MS = 3000;

type Commit = (positions: OffsetsByTopicPartition) => Promise<void>;

/**
 * A member of a consumer group on Kafka. Fetching and handling are apart: kafkajs fetches, keeps its place in the group and never sees a failure;
 * workers hand over what waits, several partitions in a batch, and what they handled is committed.
 */
export class KafkaMember implements Subscribed {
  private readonly feeds = new Feeds();
  private readonly session: GroupSession;
  private readonly pulses: Pulse[];
  private readonly limit: number;
  private workers: Promise<void>[] = [];
  private missed = 0;
  private closing: Promise<void> | undefined;
  /** Partitions that are not fetched because too much of them waits. */
  private readonly paused = new Set<Feed>();
  /** Positions that were committed before the present consumer joined. kafkajs overwrites one that is out of range before it can be asked for. */
  private known: Committed = new Map();
  /** Positions that were committed at the last joining. */
  private before: Promise<Committed> | undefined;
  /** Commits under the membership by which the last batch was fetched. */
  private commit: Commit | undefined;
  private committing: Promise<void> | undefined;
  private readonly hurry = new AbortController();

  constructor(
    private readonly subscription: Subscription,
    private readonly options: KafkaMemberOptions,
  ) {
    const { group, topics } = subscription;
    this.limit = subscription.batchSize ?? 500;
    this.pulses = Array.from({ length: subscription.concurrency ?? 1 }, () => new Pulse());
    this.session = new GroupSession({
      kafka: options.kafka,
      group,
      topics,
      sessionMs: options.sessionMs,
      beforeJoining: async () => {
        this.commit = undefined;
        this.known = await this.committed();
      },
      onAssigned: (partitions) => this.assigned(partitions),
      onFetched: (fetched) => this.fetched(fetched),
      report: options.report,
    });
  }

  /** Begins. Resolves when the group has taken us in, or after a while in which it could not: it is tried on. */
  async join(patience: number): Promise<void> {
    this.session.start();
    this.workers = this.pulses.map((pulse) => this.work(pulse));
    await atMost(patience, this.session.joined);
  }

  status(): MemberStatus {
    return { partitions: this.feeds.assigned.length, failing: Math.max(this.feeds.failing, this.session.failing), missed: this.missed };
  }

  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  private assigned(partitions: readonly TopicPartition[]): void {
    if (partitions.length > 0) crashPoint('kafka.assigned');
    this.feeds.assign(partitions);
    for (const feed of this.paused) this.session.resume(feed);
    this.paused.clear();
    this.before = partitions.length > 0 ? this.committed() : undefined;
    this.before?.catch(() => undefined);
    this.pulses.forEach((pulse) => pulse.ring());
  }

  private committed(): Promise<Committed> {
    return committedOf(this.options.admin, this.subscription.group, this.subscription.topics);
  }

  /** Takes what kafkajs fetched from one partition. Whatever happens, kafkajs goes on. */
  private async fetched(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const feed = this.feeds.get(batch.topic, batch.partition);
    if (!feed?.assigned || this.closing) return;
    this.commit = (positions) => payload.commitOffsetsIfNecessary(positions);
    const { round } = feed;
    const committed = feed.fetched === undefined ? await this.positionBefore(feed) : undefined;
    await this.countMissed(feed, feed.fetched ?? committed, Number(batch.messages[0]!.offset));
    if (feed.round !== round) return;
    this.feeds.offer(
      feed,
      batch.messages.map((message) => receivedOf(batch.topic, batch.partition, message)),
      committed,
    );
    this.pulses.forEach((pulse) => pulse.ring());
    await this.makeRoom(feed);
  }

  /** Slows fetching down to the pace of handling; a partition that stands still is left out for the time being. */
  private async makeRoom(feed: Feed): Promise<void> {
    const full = (): boolean => feed.queue.length >= 2 * this.limit && feed.assigned && !this.closing;
    for (const deadline = performance.now() + MAKE_ROOM_MS; full() && feed.failures === 0 && performance.now() < deadline; ) await sleep(5);
    if (!full()) return;
    this.session.pause(feed);
    this.paused.add(feed);
  }

  /** What lies between where we should go on and what came was removed by retention, if the log begins behind it. */
  private async countMissed(feed: Feed, next: number | undefined, first: number): Promise<void> {
    if (next === undefined || first <= next) return;
    const { low } = (await endsOf(this.options.admin, feed.topic).catch(() => [])).find(({ partition }) => partition === feed.partition) ?? { low: first };
    const missed = Math.max(0, Math.min(low, first) - next);
    this.missed += missed;
    if (missed > 0) this.options.report(`${this.subscription.group} missed ${missed} events of ${feed.topic}/${feed.partition}: retention had removed them`);
  }

  private async positionBefore({ topic, partition }: Feed): Promise<number | undefined> {
    let found: Committed | undefined;
    await atMost(1000, this.before?.then((committed) => (found = committed)));
    return found?.get(topic)?.get(partition) ?? this.known.get(topic)?.get(partition);
  }

  private async work(pulse: Pulse): Promise<void> {
    while (!this.closing) {
      pulse.look();
      const taken = this.feeds.take(this.limit, this.idle, performance.now());
      if (taken.length === 0) {
        this.ringAtNextTry(pulse);
        await pulse.rest();
        continue;
      }
      await this.handle(taken);
      pulse.worked();
      if (taken.reduce((sum, { events }) => sum + events.length, 0) < this.limit) await pulse.gather();
    }
  }

  private busy = 0;
  private get idle(): number {
    return this.pulses.length - this.busy;
  }

  private async handle(taken: readonly Taken[]): Promise<void> {
    this.busy++;
    try {
      crashPoint('kafka.taken');
      await this.subscription.handle(taken.flatMap(({ events }) => events));
      this.feeds.done(taken);
      this.commitSoon(0);
    } catch {
      this.feeds.failed(taken, performance.now());
    }
    this.busy--;
    this.resumeWhatHasRoom();
    // Partitions that were busy may be taken by another worker now.
    this.pulses.forEach((pulse) => pulse.ring());
  }

  private resumeWhatHasRoom(): void {
    for (const feed of this.paused) {
      if (feed.queue.length >= this.limit) continue;
      this.paused.delete(feed);
      this.session.resume(feed);
    }
  }

  private ringAtNextTry(pulse: Pulse): void {
    const wait = this.feeds.nextTry(performance.now());
    if (wait !== undefined) setTimeout(() => pulse.ring(), wait + 1).unref();
  }

  /** Positions are committed together: a request for each batch would cost as much as the batch. */
  private commitSoon(wait: number): void {
    if (this.committing || this.closing) return;
    this.committing = (async () => {
      await this.pauseUnlessHurried(wait);
      const stored = await this.commitReached();
      await this.pauseUnlessHurried(stored ? COMMIT_EVERY_MS : COMMIT_AGAIN_MS);
    })().finally(() => {
      this.committing = undefined;
      if (this.feeds.assigned.some(({ reached }) => reached)) this.commitSoon(0);
    });
  }

  private async pauseUnlessHurried(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.hurry.signal }).catch(() => undefined);
  }

  /**
   * Commits under the present membership only: kafkajs' own retries would go on under the next one, for partitions that are not ours any more.
   * @returns whether nothing is left
   */
  private async commitReached(): Promise<boolean> {
    if (!this.commit) return this.feeds.assigned.every(({ reached }) => !reached);
    const positions = this.feeds.reached();
    if (positions.length === 0) return true;
    const topics = [...new Set(positions.map(({ topic }) => topic))];
    try {
      await this.commit({ topics: topics.map((topic) => ({ topic, partitions: positions.filter((at) => at.topic === topic).map(({ partition, next }) => ({ partition, offset: String(next) })) })) });
      crashPoint('kafka.position-committed');
      this.feeds.stored(positions);
      return true;
    } catch {
      // A rebalance, or the brokers are away. Where the partition stays ours, we try again.
      this.feeds.unreached(positions);
      return false;
    }
  }

  private async commitAll(): Promise<void> {
    await this.committing;
    for (const deadline = performance.now() + LAST_COMMIT_MS; !(await this.commitReached()) && performance.now() < deadline; ) await sleep(100);
  }

  private async finish(): Promise<void> {
    this.pulses.forEach((pulse) => pulse.stop());
    // Without a membership nothing can be committed: what is in hand comes again, so it need not be waited for.
    await Promise.race([Promise.all(this.workers), this.session.last()]);
    this.hurry.abort();
    await atMost(LAST_COMMIT_MS, this.commitAll());
    await this.session.stop();
  }
}
