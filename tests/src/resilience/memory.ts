import { readFileSync } from 'node:fs';
import type { ApartProcess } from './apart-process.js';

/** Bytes of memory that a process holds; undefined where there is none. */
function residentBytes(pid: number | undefined): number | undefined {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  } catch {
    return undefined;
  }
}

interface Seen {
  readonly before: number;
  most: number;
  last: number;
}

const MIB = 2 ** 20;

/** Looks at the memory of each process once a second. Linux. */
export class MemoryWatch {
  private readonly seen = new Map<string, Seen>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly processes: readonly ApartProcess[]) {
    this.look();
    this.timer = setInterval(() => this.look(), 1000);
  }

  /** The most that a process has grown beyond what it had at first, in MiB. */
  get growth(): number {
    return Math.round(Math.max(...[...this.seen.values()].map(({ before, most }) => most - before)) / MIB);
  }

  stop(): void {
    this.look();
    clearInterval(this.timer);
  }

  /** Of the process that grew most. */
  get figure(): string {
    const [name, { before, most, last }] = [...this.seen].sort(([, one], [, other]) => other.most - other.before - (one.most - one.before))[0]!;
    const mib = (bytes: number): string => String(Math.round(bytes / MIB));
    return `memory of the process that grew most (${name}): ${mib(before)} MiB before, ${mib(most)} at most, ${mib(last)} after`;
  }

  private look(): void {
    for (const { name, instance, pid } of this.processes) {
      const bytes = residentBytes(pid);
      if (bytes === undefined || Number.isNaN(bytes)) continue;
      const place = `${name}-${instance + 1}`;
      const seen = this.seen.get(place);
      if (!seen) this.seen.set(place, { before: bytes, most: bytes, last: bytes });
      else [seen.most, seen.last] = [Math.max(seen.most, bytes), bytes];
    }
  }
}
