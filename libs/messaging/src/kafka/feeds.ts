import type { Received } from '../transport.js';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A position behind which everything is handled. */
export interface Position extends TopicPartition {
  readonly next: number;
}

/** Events of one partition that were handed over. */
interface Taken {
  readonly feed: Feed;
  readonly events: readonly Received[];
  readonly round: number;
  readonly ownership: number;
  readonly era: number;
}

/** One partition: what was fetched and waits, and how far handling got. */
class Feed {
  queue: Received[] = [];
  /** Read by us at present. */
  assigned = false;
  /** In a batch that is being handled. */
  busy = false;
  /** Behind the last event that was fetched since the last joining. */
  fetched: number | undefined;
  /** Behind the last event that was handled. */
  handled: number | undefined;
  /** Something of it was committed by us. */
  stored = false;
  /** `handled` is to be committed. */
  reached = false;
  failures = 0;
  notBefore = 0;
  served = 0;
  /** Grows with each joining: what was fetched before it comes again. */
  round = 0;
  /** Grows when the partition goes to somebody else. */
  ownership = 0;
  /** Grows when positions begin anew: the topic was made again, or its log cut. */
  era = 0;

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}
}

export type { Feed };

/** Milliseconds until the next try after so many failures in a row. */
const backOff = (failures: number): number => Math.min(20 * 2 ** Math.min(failures, 10), 5000);

/**
 * What a member has fetched and not handled yet, partition by partition, and the positions that may be committed. Knows nothing of Kafka:
 * the rules of order, of failure, and of what a rebalance leaves valid.
 */
export class Feeds {
  private readonly feeds = new Map<string, Feed>();

  /** Partitions that are read at present. */
  get assigned(): Feed[] {
    return [...this.feeds.values()].filter((feed) => feed.assigned);
  }

  /** The most failures in a row of any partition. */
  get failing(): number {
    return this.assigned.reduce((most, { failures }) => Math.max(most, failures), 0);
  }

  get(topic: string, partition: number): Feed | undefined {
    return this.feeds.get(`${topic} ${partition}`);
  }

  /** After joining: these partitions are ours, from their committed positions on. */
  assign(partitions: readonly TopicPartition[]): void {
    const ours = new Set(partitions.map(({ topic, partition }) => `${topic} ${partition}`));
    for (const { topic, partition } of partitions) if (!this.get(topic, partition)) this.feeds.set(`${topic} ${partition}`, new Feed(topic, partition));
    for (const [slot, feed] of this.feeds) {
      feed.queue = [];
      feed.fetched = undefined;
      feed.round++;
      const stays = ours.has(slot);
      if (feed.assigned && !stays) {
        feed.ownership++;
        feed.reached = false;
        feed.stored = false;
        feed.failures = 0;
      }
      feed.assigned = stays;
      if (!stays && !feed.busy) this.feeds.delete(slot);
    }
  }

  /**
   * Appends what was fetched.
   * @param committed position at the last joining, if it is known
   */
  offer(feed: Feed, events: readonly Received[], committed?: number): void {
    const first = Number(events[0]!.offset);
    // What was handled already comes again after a joining, from the committed position on, and is left out. Anything else that lies behind is
    // something new at old positions; or it comes twice, which does no harm.
    const isAgain = feed.fetched === undefined && (committed === undefined ? !feed.stored : first === committed);
    if (feed.handled !== undefined && first < feed.handled && !isAgain) {
      feed.handled = undefined;
      feed.reached = false;
      feed.stored = false;
      feed.era++;
    }
    feed.queue.push(...events);
    feed.fetched = Number(events.at(-1)!.offset) + 1;
  }

  /**
   * Takes a batch: in order per partition, the longest waiting partition first. One whose events failed before comes alone, so that it fails alone.
   * @param share of the waiting partitions, for so many that take at the same time
   */
  take(limit: number, share: number, now: number): Taken[] {
    const waiting = this.assigned.filter((feed) => !feed.busy && feed.notBefore <= now && this.hasMore(feed)).sort((a, b) => a.served - b.served);
    const [first] = waiting;
    if (!first) return [];
    const chosen = first.failures > 0 ? [first] : waiting.filter(({ failures }) => failures === 0).slice(0, Math.ceil(waiting.length / share));
    const taken: Taken[] = [];
    let room = limit;
    for (const feed of chosen) {
      if (room === 0) break;
      const events = feed.queue.splice(0, room);
      room -= events.length;
      feed.busy = true;
      feed.served = now;
      taken.push({ feed, events, round: feed.round, ownership: feed.ownership, era: feed.era });
    }
    return taken;
  }

  /** They were handled: the positions behind them may be committed, where the partition stayed ours. */
  done(taken: readonly Taken[]): void {
    for (const { feed, events, ownership, era } of taken) {
      feed.failures = 0;
      if (feed.era === era) {
        feed.handled = Math.max(feed.handled ?? 0, Number(events.at(-1)!.offset) + 1);
        if (feed.assigned && feed.ownership === ownership) feed.reached = true;
      }
      this.giveBack(feed);
    }
  }

  /** They come again, after a pause that grows; where we joined anew meanwhile, they are fetched again anyway. */
  failed(taken: readonly Taken[], now: number): void {
    for (const { feed, events, round } of taken) {
      feed.failures++;
      feed.notBefore = now + backOff(feed.failures);
      if (feed.round === round) feed.queue.unshift(...events);
      this.giveBack(feed);
    }
  }

  /** Milliseconds until a partition that backs off may be read again; undefined if there is none. */
  nextTry(now: number): number | undefined {
    const times = this.assigned.filter(({ busy, failures }) => !busy && failures > 0).map(({ notBefore }) => Math.max(0, notBefore - now));
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** Positions to commit. What becomes of that is told by `stored` or `unreached`. */
  reached(): Position[] {
    const found = this.assigned.filter((feed) => feed.reached);
    for (const feed of found) feed.reached = false;
    return found.map(({ topic, partition, handled }) => ({ topic, partition, next: handled! }));
  }

  /** They were committed. */
  stored(positions: readonly Position[]): void {
    for (const { topic, partition } of positions) {
      const feed = this.get(topic, partition);
      if (feed?.assigned) feed.stored = true;
    }
  }

  /** Committing them failed. */
  unreached(positions: readonly Position[]): void {
    for (const { topic, partition } of positions) {
      const feed = this.get(topic, partition);
      if (feed?.assigned) feed.reached = true;
    }
  }

  /** Leaves out what was handled before we joined anew and was fetched again since. */
  private hasMore(feed: Feed): boolean {
    const { handled, queue } = feed;
    if (handled !== undefined && queue.length > 0 && Number(queue[0]!.offset) < handled) {
      feed.queue = queue.filter(({ offset }) => Number(offset) >= handled);
      feed.reached = true;
    }
    return feed.queue.length > 0;
  }

  private giveBack(feed: Feed): void {
    feed.busy = false;
    if (!feed.assigned) this.feeds.delete(`${feed.topic} ${feed.partition}`);
  }
}
export type { Taken };
