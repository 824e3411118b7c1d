import type { LogEntry } from './log.js';

/** The newest entries of one partition, kept in memory for all groups of a process. No gaps. */
export class PartitionTail {
  private kept: LogEntry[] = [];
  private start: number;

  /** @param end offset that the next entry will have */
  constructor(private end: number) {
    this.start = end;
  }

  /** Offset behind the last entry known. */
  get next(): number {
    return this.end;
  }

  get size(): number {
    return this.kept.length;
  }

  /** Adds what follows; what is there already is left out. @returns false if something is missing in between: nothing was added */
  add(entries: readonly LogEntry[]): boolean {
    const fresh = entries.filter((entry) => entry.offset >= this.end);
    if (fresh.length === 0) return true;
    if (fresh[0]!.offset !== this.end) return false;
    this.kept.push(...fresh);
    this.end += fresh.length;
    return true;
  }

  /** Entries from an offset on; undefined if they are older than what is kept. */
  from(offset: number, limit: number): readonly LogEntry[] | undefined {
    if (offset < this.start) return undefined;
    return this.kept.slice(offset - this.start, offset - this.start + limit);
  }

  /** Drops the older half of what is kept. */
  shrink(): void {
    const count = Math.ceil(this.kept.length / 2);
    this.kept.splice(0, count);
    this.start += count;
  }
}
