import type { Log } from '@baton/service-host';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServiceProcessOptions {
  /** Name of the service, and which of its instances. */
  readonly name: string;
  /** Its main module. */
  readonly main: string;
  /** Where it listens: `http://host:port`. */
  readonly address: string;
  /** Its environment, asked for at each start. */
  readonly env: () => Readonly<Record<string, string>>;
  readonly log: Log;
  /** Without one, what it says goes to the terminal of this process. */
  readonly witness?: Witness;
}

/** Is told what a process says, on either stream, and how each run of it ended, after the last word. */
export interface Witness {
  said(words: Buffer): void;
  ended(how: { readonly code: number | null; readonly signal: NodeJS.Signals | null }): void;
}

/** A service that could not start; what it said of the reason is on the terminal. */
export class NotStarted extends Error {
  override readonly name = 'NotStarted';
}

/** A dozen of them start at once, on machines that have other things to do. */
const READY_WITHIN_MS = 120_000;
const ANSWERS_WITHIN_MS = 2_000;
const SOONEST_MS = 100;
const LATEST_MS = 5_000;

/** A service in a process of its own. When it dies it is started again, at once and then ever later, until it is stopped. */
export class ServiceProcess {
  private child: ChildProcess | undefined;
  private stopping = false;
  private watching: Promise<void> | undefined;
  private readonly hurry = new AbortController();

  constructor(private readonly options: ServiceProcessOptions) {}

  get name(): string {
    return this.options.name;
  }

  get address(): string {
    return this.options.address;
  }

  /** Undefined while there is none. It changes when the process is started again. */
  get pid(): number | undefined {
    return this.child?.exitCode === null && this.child.signalCode === null ? this.child.pid : undefined;
  }

  /** Starts it and waits until it is ready. @throws NotStarted when it ends before, or is not ready in time */
  async start(): Promise<void> {
    const child = this.spawn();
    const ended = once(child, 'exit').then(([code, signal]) => Promise.reject(new NotStarted(`${this.name} could not start (${String(signal ?? code)}).`)));
    ended.catch(() => undefined);
    await Promise.race([this.ready(), ended]);
    this.watching = this.watch(child);
  }

  /** SIGTERM, and waits for its end. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.hurry.abort();
    const child = this.child;
    if (child && this.pid !== undefined) {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    }
    await this.watching;
  }

  private spawn(): ChildProcess {
    const { main, env, witness } = this.options;
    const output = witness ? 'pipe' : 'inherit';
    // The channel tells it when we are gone, however that came about.
    this.child = spawn(process.execPath, [main], { env: { ...env() }, stdio: ['ignore', output, output, 'ipc'] });
    if (witness) {
      for (const stream of [this.child.stdout, this.child.stderr]) stream!.on('data', (words: Buffer) => witness.said(words));
      this.child.once('close', (code, signal) => witness.ended({ code, signal }));
    }
    return this.child;
  }

  private async ready(): Promise<void> {
    for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline && !this.stopping; await sleep(50)) {
      const answer = await fetch(`${this.address}/health/ready`, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) }).catch(() => undefined);
      if (answer?.ok) return;
    }
    throw new NotStarted(`${this.name} was not ready within ${READY_WITHIN_MS / 1000} s.`);
  }

  private async watch(first: ChildProcess): Promise<void> {
    for (let child = first, wait = SOONEST_MS; ; child = this.spawn()) {
      const began = Date.now();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      if (this.stopping) return;
      this.options.log.error('a service ended; it is started again', { address: this.address, error: String(child.signalCode ?? child.exitCode) });
      wait = Date.now() - began > LATEST_MS ? SOONEST_MS : Math.min(2 * wait, LATEST_MS);
      await sleep(wait, undefined, { signal: this.hurry.signal }).catch(() => undefined);
      if (this.hurry.signal.aborted) return;
    }
  }
}
