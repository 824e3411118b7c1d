import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandOf, optionsOf } from './launcher.js';
import type { ClusterPlace } from './cluster.js';
import type { PostgresPackage } from './package.js';
import { lastLines, trimLog, withLog } from './log-file.js';
import { endProcessesOn, isReady } from './processes.js';

/** PostgreSQL died and was started again. */
export interface Restart {
  readonly pid: number;
  /** How it ended: `exit 1`, `SIGKILL`. */
  readonly because: string;
  /** Milliseconds from its end until it took connections again. */
  readonly downMs: number;
}

/** What goes wrong while PostgreSQL is watched. */
export interface Trouble {
  readonly what: 'ended' | 'not started again';
  /** One line without values of rows: `SIGKILL`, or what PostgreSQL or the system says. */
  readonly why: string;
  /** Milliseconds until the next try. */
  readonly nextTryMs: number;
}

export interface PostmasterOptions extends Omit<ClusterPlace, 'found'> {
  /** The package with all its libraries; asked before each start, because npm may have installed it anew since the last. */
  readonly find: () => Promise<PostgresPackage>;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly report: (trouble: Trouble) => void;
}

/** A server that runs. (In an object, because a promise within a promise would be waited for.) */
interface Running {
  /** How it ends, one day. */
  readonly ended: Promise<string>;
}

const READY_WITHIN_MS = 120_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const STEADY_AFTER_MS = 60_000;
const LOG_CHECK_MS = 60_000;

/** One PostgreSQL server as a child process: started, watched, started again with growing pauses until it is stopped. */
export class Postmaster {
  private readonly stopping = new AbortController();
  private readonly listeners = new Set<(restart: Restart) => void>();
  private child: ChildProcess | undefined;
  private watching: Promise<void> = Promise.resolve();
  private logTimer: NodeJS.Timeout | undefined;
  /** A process that ends in an orderly way without having stopped its server takes it along. */
  private readonly onExit = (): void => void this.child?.kill('SIGINT');

  constructor(private readonly options: PostmasterOptions) {}

  /** Process id of the server that runs now; undefined while there is none. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  onRestart(listener: (restart: Restart) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** @throws with the end of its log, if the server does not come up */
  async start(): Promise<void> {
    process.on('exit', this.onExit);
    this.logTimer = setInterval(() => trimLog(this.options.logFile), LOG_CHECK_MS).unref();
    this.watching = this.watch(await this.launch());
  }

  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. */
  async stop(): Promise<void> {
    this.stopping.abort();
    const child = this.child;
    child?.ref();
    const pressure = [setTimeout(() => child?.kill('SIGQUIT'), 20_000), setTimeout(() => child?.kill('SIGKILL'), 25_000)];
    child?.kill('SIGINT');
    await this.watching;
    pressure.forEach(clearTimeout);
    clearInterval(this.logTimer);
    process.off('exit', this.onExit);
    await endProcessesOn(this.options.data);
  }

  /** @returns once it takes connections */
  private async launch(): Promise<Running> {
    const { data, find, launcher, logFile, args } = this.options;
    await endProcessesOn(data);
    const found = await find();
    trimLog(logFile);
    const [file, line] = commandOf(launcher, found.postgres, args);
    // A process group of its own: Ctrl-C in the terminal reaches Baton, which drains first.
    const child = withLog(logFile, (log) => spawn(file, line, { ...optionsOf(launcher, found), detached: true, stdio: ['ignore', log, log] }));
    this.child = child;
    if (this.stopping.signal.aborted) child.kill('SIGINT');
    const ended = endOf(child).finally(() => (this.child = undefined));
    await this.ready(child, ended);
    child.unref();
    return { ended };
  }

  private async ready(child: ChildProcess, ended: Promise<string>): Promise<void> {
    const { data, logFile } = this.options;
    let end: string | undefined;
    void ended.then((how) => (end = how));
    for (const deadline = Date.now() + READY_WITHIN_MS; !isReady(data, child.pid ?? -1); await sleep(10)) {
      if (Date.now() > deadline) child.kill('SIGKILL');
      if (end !== undefined) throw new Error(`PostgreSQL did not start (${end}):\n${lastLines(logFile)}`);
    }
  }

  private async watch(running: Running): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    for (;;) {
      const since = Date.now();
      const because = await running.ended;
      if (this.stopping.signal.aborted) return;
      const died = Date.now();
      if (died - since > STEADY_AFTER_MS) pause = FIRST_PAUSE_MS;
      this.options.report({ what: 'ended', why: because, nextTryMs: pause });
      const again = await this.relaunch(pause);
      if (!again) return;
      running = again;
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      const restart = { pid: this.pid ?? -1, because, downMs: Date.now() - died };
      this.listeners.forEach((listener) => listener(restart));
    }
  }

  /** Tries until it runs or is to stop. @returns undefined in the latter case */
  private async relaunch(pause: number): Promise<Running | undefined> {
    for (;;) {
      await sleep(pause, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      if (this.stopping.signal.aborted) return undefined;
      try {
        return await this.launch();
      } catch (error) {
        if (this.stopping.signal.aborted) return undefined;
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
        this.options.report({ what: 'not started again', why: lineThatSaysWhy((error as Error).message), nextTryMs: pause });
      }
    }
  }
}

/** The one line of a failed start that somebody can act on: PostgreSQL's or the loader's complaint, not what it says when it gives up. */
function lineThatSaysWhy(message: string): string {
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  return (lines.findLast((line) => /\b(?:FATAL|PANIC|error):? /i.test(line)) ?? lines.at(-1) ?? 'no reason given').slice(0, 300);
}

const endOf = (child: ChildProcess): Promise<string> =>
  once(child, 'exit').then(
    ([code, signal]) => (signal as string | null) ?? `exit ${String(code)}`,
    (error: Error) => error.message,
  );
