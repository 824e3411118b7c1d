import { setTimeout as sleep } from 'node:timers/promises';
import { crashPoint } from '@baton/kernel';
import type { GroupPositions, Held } from './group-positions.js';
import type { LogEntry, Position } from './log.js';
import { received } from './log.js';
import { Pulse } from './pulse.js';
import type { MemberStatus, Subscribed, Subscription } from './transport.js';

/** Where a member gets entries from. */
export interface LogReader {
  /** Calls back when there may be something new. @returns how to stop */
  watch(topics: readonly string[], listener: () => void): () => Promise<void>;
  /** Entries from each position on, at most `limit` in all; of one partition in order and without gaps but those of retention. */
  read(from: readonly Position[], limit: number): Promise<LogEntry[]>;
}

interface Partition extends Held {
  next: number;
  epoch: number;
  /** In a batch that is being handled. */
  busy: boolean;
  /** To be given to another member as soon as it is not busy. */
  leaving: boolean;
}

const slotOf = (at: { readonly topic: string; readonly partition: number }): string => `${at.topic} ${at.partition}`;

const unlock = (at: Partition): void => void (at.busy = false);

/** Positions are stored at most this often, in milliseconds. */
const STORE_EVERY_MS = 200;

/** A member of a consumer group on the log in PostgreSQL: holds its share of the partitions and feeds their events to the handler. */
export class GroupMember implements Subscribed {
  private readonly held = new Map<string, Partition>();
  private readonly pulses: Pulse[];
  private readonly workers: Promise<void>[];
  private readonly timer: NodeJS.Timeout;
  private readonly unwatch: () => Promise<void>;
  private aliveUntil = 0;
  /** Life of the database in which all that is held was claimed. */
  private life = '';
  private living: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private failing = 0;
  private missed = 0;
  /** Some topic had no partitions at the last sign of life. */
  private unmet = false;
  /** Handled, and the position behind it not stored yet. */
  private reached = new Set<Partition>();
  private storing: Promise<void> | undefined;
  private storedAt = -Infinity;
  private readonly hurry = new AbortController();

  constructor(
    private readonly subscription: Subscription,
    private readonly positions: GroupPositions,
    private readonly log: LogReader,
    private readonly ttl: number,
  ) {
    this.pulses = Array.from({ length: subscription.concurrency ?? 1 }, () => new Pulse());
    this.unwatch = log.watch(subscription.topics, () => this.stir());
    this.timer = setInterval(() => void this.live(), ttl / 3);
    this.workers = this.pulses.map((pulse, worker) => this.work(pulse, worker));
  }

  status(): MemberStatus {
    return { partitions: this.held.size, failing: this.failing, missed: this.missed };
  }

  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  /** A sign of life, then a fair share: gives up what is too much, claims what is missing. */
  live(): Promise<void> {
    this.living ??= this.takeShare()
      // The database is away: leases run out by themselves, the next sign of life tries again.
      .catch(() => undefined)
      .finally(() => (this.living = undefined));
    return this.living;
  }

  private stir(): void {
    // A topic that nobody had published to may exist by now.
    if (this.unmet) void this.live();
    this.pulses.forEach((pulse) => pulse.ring());
  }

  private async takeShare(): Promise<void> {
    const asked = performance.now();
    const census = await this.positions.signOfLife();
    this.aliveUntil = asked + this.ttl;
    if (census.life !== this.life) this.beginLife(census.life);
    const still = new Map(census.mine.map((at) => [slotOf(at), at.epoch]));
    for (const [slot, at] of this.held) if (still.get(slot) !== at.epoch) this.held.delete(slot);
    // Held by name only: a release or an answer got lost on the way, or the database recovered from a crash.
    const strays = census.mine.filter((at) => !this.held.has(slotOf(at)));
    if (strays.length > 0) await this.positions.release(strays);
    const unmet = census.topics.filter((topic) => topic.partitions === 0).map((topic) => topic.topic);
    if (unmet.length > 0) await this.positions.discover(unmet);
    this.unmet = unmet.length > 0;
    const wanted = new Map<string, number>();
    for (const { topic, partitions, others } of census.topics) {
      const share = partitions === 0 ? 1024 : Math.ceil(partitions / (others + 1));
      const mine = [...this.held.values()].filter((at) => at.topic === topic && !at.leaving);
      mine.slice(share).forEach((at) => (at.leaving = true));
      if (mine.length < share) wanted.set(topic, share - mine.length);
    }
    await this.letGo();
    if (wanted.size === 0 || this.closing) return;
    const claimed = await this.positions.claim(wanted);
    for (const { life, ...at } of claimed) if (life === this.life) this.held.set(slotOf(at), { ...at, busy: false, leaving: false });
    this.pulses.forEach((pulse) => pulse.ring());
  }

  /** What was reached in another life may be undone: everything is claimed anew, at the positions that the database remembers. */
  private beginLife(life: string): void {
    this.life = life;
    this.held.clear();
    this.reached.clear();
  }

  private async letGo(): Promise<void> {
    const gone = [...this.held.values()].filter((at) => at.leaving && !at.busy);
    if (gone.length === 0) return;
    await this.storing;
    await this.store();
    for (const at of gone) this.held.delete(slotOf(at));
    await this.positions.release(gone);
  }

  private async work(pulse: Pulse, worker: number): Promise<void> {
    const limit = this.subscription.batchSize ?? 500;
    while (!this.closing) {
      const mine = this.free(worker);
      const { life } = this;
      pulse.look();
      try {
        const entries = mine.length > 0 ? await this.log.read(mine, limit) : [];
        if (entries.length > 0 && !this.closing) {
          await this.handle(entries, new Map(mine.map((at) => [slotOf(at), at])), life);
          pulse.worked();
        }
        mine.forEach(unlock);
        this.failing = 0;
        if (entries.length === 0) await pulse.rest();
        else if (entries.length < limit) await pulse.gather();
      } catch {
        mine.forEach(unlock);
        void this.live();
        await pulse.backOff(++this.failing);
      }
      mine.forEach(unlock);
      if (mine.some((at) => at.leaving)) await this.letGo().catch(() => undefined);
    }
  }

  /** Hands a batch over; the positions behind it are stored soon. */
  private async handle(entries: readonly LogEntry[], mine: ReadonlyMap<string, Partition>, life: string): Promise<void> {
    crashPoint('consumer.fetched');
    await this.subscription.handle(entries.map(received), life);
    for (const { event, partition, offset } of entries) {
      const at = mine.get(slotOf({ topic: event.topic, partition }))!;
      this.missed += offset - at.next;
      at.next = offset + 1;
      this.reached.add(at);
    }
    this.storeSoon();
  }

  /**
   * Positions are stored at once after a quiet moment, and otherwise together: a commit for each batch would cost as much as the batch.
   * After a crash what was handled since comes again, and the inbox drops it.
   */
  private storeSoon(): void {
    if (this.storing) return;
    const wait = Math.max(0, this.storedAt + STORE_EVERY_MS - performance.now());
    this.storing = (wait > 0 ? sleep(wait, undefined, { signal: this.hurry.signal }).catch(() => undefined) : Promise.resolve())
      .then(() => this.store())
      .catch(() => undefined)
      .finally(() => {
        this.storing = undefined;
        if (this.reached.size > 0 && !this.closing) this.storeSoon();
      });
  }

  /** Stores the positions that were reached, under the epochs their partitions were claimed with. */
  private async store(): Promise<void> {
    // What is held no more was claimed by another member, or in another life of the database.
    const reached = [...this.reached].filter((at) => this.held.get(slotOf(at)) === at);
    this.reached.clear();
    if (reached.length === 0) return;
    this.storedAt = performance.now();
    try {
      const stored = new Set((await this.positions.commit(reached, this.life)).map(slotOf));
      crashPoint('consumer.offset-stored');
      for (const at of reached) if (!stored.has(slotOf(at)) && this.held.get(slotOf(at)) === at) this.held.delete(slotOf(at));
    } catch (error) {
      reached.forEach((at) => this.reached.add(at));
      throw error;
    }
  }

  /** Partitions of this worker that may be read, marked busy. None when the leases may have run out. */
  private free(worker: number): Partition[] {
    if (performance.now() > this.aliveUntil) return [];
    const mine = [...this.held.values()].filter((at) => !at.busy && !at.leaving && at.partition % this.pulses.length === worker);
    for (const at of mine) at.busy = true;
    return mine;
  }

  private async finish(): Promise<void> {
    clearInterval(this.timer);
    this.pulses.forEach((pulse) => pulse.stop());
    this.hurry.abort();
    await Promise.all([...this.workers, this.living, this.unwatch()]);
    await this.storing;
    const all = [...this.held.values()];
    try {
      await this.store();
      if (all.length > 0) await this.positions.release(all);
      await this.positions.leave();
    } catch {
      // The database is away: leases and membership run out by themselves.
    }
    this.held.clear();
  }
}
