import type { Database, Schema } from '@baton/postgres';
import { onRing } from './doorbell.js';
import { readHeads, readLog, type Appended, type LogEntry, type Position } from './log.js';
import { PartitionTail } from './partition-tail.js';
import { Pulse } from './pulse.js';

const READ_LIMIT = 500;
/** Entries kept in memory per schema, over all partitions. */
const KEEP = 4000;
/** So long after an append of this process nobody else is expected to append. */
const ALONE_MS = 1000;

const slotOf = (at: { readonly topic: string; readonly partition: number }): string => `${at.topic} ${at.partition}`;

/**
 * The end of one schema's log, read once for all groups of a process. Entries appended in this process are handed over
 * directly and need no read; those of other processes are found by polling (or a hint).
 */
export class SchemaTail {
  private readonly tails = new Map<string, PartitionTail>();
  private readonly listeners = new Map<() => void, readonly string[]>();
  private readonly pulse = new Pulse();
  private running: Promise<void> | undefined;
  private unhook: (() => void) | undefined;
  private failures = 0;
  private offeredAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
  ) {}

  /** Watches topics; the listener is called when there may be something new in them. @returns how to stop */
  watch(topics: readonly string[], listener: () => void): () => Promise<void> {
    this.listeners.set(listener, topics);
    this.unhook ??= onRing(`log.${this.schema}`, () => this.pulse.ring());
    this.pulse.ring();
    this.running ??= this.run();
    return async () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.pulse.stop();
      await this.running;
    };
  }

  /** What was just appended in this process. */
  offer(appended: readonly Appended[]): void {
    this.offeredAt = performance.now();
    let missing = false;
    for (const batch of appended) {
      const tail = this.tails.get(slotOf(batch));
      missing ||= !tail?.add(batch.entries);
    }
    this.trim();
    if (missing) this.pulse.ring();
    this.tell();
  }

  /**
   * Entries of a partition from an offset on, at most `limit`; undefined if they lie before what is kept, or the
   * partition is not watched yet: read the log itself then.
   */
  entries(topic: string, partition: number, from: number, limit: number): readonly LogEntry[] | undefined {
    return this.tails.get(slotOf({ topic, partition }))?.from(from, limit);
  }

  private async run(): Promise<void> {
    while (this.listeners.size > 0) {
      try {
        const found = await this.look();
        this.failures = 0;
        // While this process appends it is the only one (a schema has one leader): what was found is about to be offered.
        if (found && performance.now() - this.offeredAt > ALONE_MS) this.pulse.worked();
        else await this.pulse.rest();
      } catch {
        await this.pulse.backOff(this.failures++);
      }
    }
    this.unhook?.();
    this.unhook = undefined;
    this.running = undefined;
    this.tails.clear();
  }

  private async look(): Promise<boolean> {
    const topics = [...new Set([...this.listeners.values()].flat())];
    const unknown = topics.filter((topic) => !this.tails.has(slotOf({ topic, partition: 0 })));
    if (unknown.length > 0) {
      for (const head of await readHeads(this.database, this.schema, unknown)) this.tails.set(slotOf(head), new PartitionTail(head.next));
      this.tell();
    }
    const from = [...this.tails].map(([slot, tail]) => positionOf(slot, tail.next));
    if (from.length === 0) return false;
    const entries = await readLog(this.database, this.schema, from, READ_LIMIT);
    if (entries.length === 0) return false;
    for (const [slot, batch] of bySlot(entries)) {
      const tail = this.tails.get(slot)!;
      // A gap can only come from retention: what was dropped is no longer there to wait for.
      if (!tail.add(batch)) {
        this.tails.set(slot, new PartitionTail(batch[0]!.offset));
        this.tails.get(slot)!.add(batch);
      }
    }
    this.trim();
    this.tell();
    return true;
  }

  private trim(): void {
    let kept = 0;
    for (const tail of this.tails.values()) kept += tail.size;
    if (kept > KEEP) for (const tail of this.tails.values()) tail.shrink();
  }

  private tell(): void {
    for (const listener of this.listeners.keys()) listener();
  }
}

function positionOf(slot: string, next: number): Position {
  const space = slot.indexOf(' ');
  return { topic: slot.slice(0, space), partition: Number(slot.slice(space + 1)), next };
}

function bySlot(entries: readonly LogEntry[]): Map<string, LogEntry[]> {
  const slots = new Map<string, LogEntry[]>();
  for (const entry of entries) {
    const slot = slotOf({ topic: entry.event.topic, partition: entry.partition });
    const batch = slots.get(slot);
    if (batch) batch.push(entry);
    else slots.set(slot, [entry]);
  }
  return slots;
}
