import type { BatonEvent } from '@baton/contracts';

/**
 * The port between Baton and whatever carries its events. All that the rest may rely on is said here, and
 * `describeTransport` holds every implementation to it.
 *
 * Each topic has a fixed number of partitions; the key of an event (its aggregate id) decides the partition. Order is
 * promised per key, nothing between keys. Every event arrives at least once; duplicates and, after a failure, repeated
 * stretches are normal: the id tells them, and the inbox drops them.
 */
export interface Transport {
  /**
   * Appends events, which may belong to several topics. Events of one key keep the order they have in the batch, and
   * stand behind those of every earlier publish that was resolved. When it resolves, all of them are durable: they
   * survive the death of any process. When it rejects, some may be: publish the batch again.
   * @throws EventsRefused when some can never be taken as they are; all others of the batch are durable then
   */
  publish(events: readonly BatonEvent[]): Promise<void>;

  /**
   * Joins a consumer group, which begins with the oldest event there is. Each partition is read by one member at a time;
   * members that come, go or die leave their partitions to the others, which go on after the last committed position:
   * nothing is left out, some may come twice. A member that was stopped and wakes up late cannot move positions any more
   * (but may still handle the batch it had: the inbox makes that harmless).
   */
  subscribe(subscription: Subscription): Promise<Subscribed>;

  /**
   * Reads again what was appended from `since` (inclusive) to `until` (exclusive; by default what is there at the call), in order per key,
   * beside all groups: no position moves and no member waits. Ends when all is handled; a handler that rejects ends it too.
   * @returns how many events were handled
   */
  replay(request: ReplayRequest): Promise<number>;

  /** How many events of each partition the group has not committed yet. */
  lag(group: string): Promise<Lag[]>;

  /** Stops taking batches, waits for the ones in hand and commits them, then leaves all groups. */
  close(): Promise<void>;
}

/** Events that the transport will not take, however often it is asked (too large, say), and what stands behind them of the same key. */
export class EventsRefused extends Error {
  override readonly name = 'EventsRefused';

  /** @param why in words of the transport, never of an event */
  constructor(
    readonly refused: readonly BatonEvent[],
    readonly why: string,
  ) {
    super(`${refused.length} events were refused: ${why}`);
  }
}

export interface Subscription {
  /** Name of the group, also that of its positions: `consent`, `notifications.queue`. */
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Handles a batch: in order per key; it may span topics and partitions. Resolved: the position behind it is committed soon, at the
   * latest when the member leaves; after a crash what was handled shortly before comes again.
   * Rejected: nothing is, and the same events come again after a back-off that grows, as often as it takes; so it rejects
   * only for what passes by itself, and parks the rest. Never called twice at a time for one partition by one member.
   *
   * `life` is given by a transport that keeps positions in the database of the effects: the life of the database (life.ts) in which
   * the position before the batch was learnt. Effects that are committed lazily must be committed in that life or not at all: the
   * next life may have forgotten earlier ones, and begins again where the positions stand that it remembers. Without `life`,
   * effects have to be durable when this resolves.
   */
  readonly handle: (batch: readonly Received[], life?: string) => Promise<void>;
  /** Events a batch holds at most. */
  readonly batchSize?: number;
  /** Batches of different partitions handled at the same time by this member. Default 1. */
  readonly concurrency?: number;
}

/** An event and where it was found. */
export interface Received {
  readonly event: BatonEvent;
  readonly partition: number;
  /** Position within the partition; grows, and says nothing else. */
  readonly offset: string;
  /**
   * Why what was found there is no event; in words of the transport, never of the message. `event` then stands for it: an id that is the
   * same whenever it is read, the key it came under (`<partition>-<offset>` if it has none that can be used), version 0, and as data as
   * much of what was there as is kept. Its key has to wait for it like for any other; no handler may see it.
   */
  readonly unreadable?: string;
}

/** A membership. */
export interface Subscribed {
  readonly status: () => MemberStatus;
  /** Finishes the batch in hand, commits, leaves the group. */
  close(): Promise<void>;
}

export interface MemberStatus {
  /** Partitions this member reads at present. */
  readonly partitions: number;
  /** Handler failures in a row; above 0 it is backing off. */
  readonly failing: number;
  /** Events that retention had removed before this group read them. Anything but 0 is an alarm. */
  readonly missed: number;
}

export interface ReplayRequest {
  readonly topics: readonly string[];
  readonly since: Date;
  readonly until?: Date;
  readonly handle: (batch: readonly Received[]) => Promise<void>;
}

export interface Lag {
  readonly topic: string;
  readonly partition: number;
  readonly events: number;
}
