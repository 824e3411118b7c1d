import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceProcess, Witness } from '@baton/apart';
import type { End } from '../durability/baton-process.js';

const ANSWERS_WITHIN_MS = 2_000;

/** One place of a service: the processes that run there, one after the other. */
export class ApartProcess implements Witness {
  /** The process of now was started armed. */
  armed = false;
  /** How many of its processes have ended so far. */
  ends = 0;
  private words = '';
  private process: ServiceProcess | undefined;

  /** @param onReached told as soon as a process here says that it has reached a crash point, before it is gone */
  constructor(
    readonly name: string,
    readonly instance: number,
    private readonly folder: string,
    private readonly onReached: (point: string) => void,
    private readonly onEnd: (end: End) => void,
  ) {}

  runsAs(process: ServiceProcess): void {
    this.process = process;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  get address(): string {
    return this.process!.address;
  }

  said(more: Buffer): void {
    appendFileSync(join(this.folder, `${this.name}-${this.instance + 1}.log`), more);
    this.words += more.toString('utf8');
    this.reached.forEach(this.onReached);
  }

  ended({ code, signal }: { readonly code: number | null; readonly signal: NodeJS.Signals | null }): void {
    const { reached } = this;
    this.words = '';
    this.ends++;
    this.onEnd({ code, signal, reached });
  }

  signal(signal: NodeJS.Signals): void {
    if (this.pid !== undefined) process.kill(this.pid, signal);
  }

  /** Sends a signal and waits until the process is gone and its last word was heard. Another is on its way then. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.pid === undefined) return;
    const before = this.ends;
    this.signal(signal);
    while (this.ends === before) await sleep(10);
  }

  /** What it says when asked whether all goes well in it; nothing if it does. */
  async complaint(): Promise<string | undefined> {
    const name = `${this.name}-${this.instance + 1}`;
    try {
      const answer = await fetch(`${this.address}/health/ready`, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
      const says = await answer.text();
      return answer.ok ? undefined : `${name} says ${says}`;
    } catch {
      return `${name} gives no answer`;
    }
  }

  private get reached(): string[] {
    return [...this.words.matchAll(/^crash-point reached: (\S+)$/gm)].map(([, name]) => name!);
  }
}
