import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './programs.js';
import { LOGGING, SMALL_JVM, type BrokerPlace } from './settings.js';
import { KafkaUnavailable } from './unavailable.js';
import type { Watchdog } from './watchdog.js';

export interface Machine {
  readonly java: string;
  /** Folder of the jars. */
  readonly jars: string;
  readonly watchdog: Watchdog;
}

/** It lies down for so long before it is started again, in milliseconds: its port and its lock are free by then. */
const AGAIN_AFTER_MS = 1_000;

/** One broker: its folder, and its process when it runs. */
export class Broker {
  private child: ChildProcess | undefined;
  private frozen = false;
  private kept: ((says: string) => void) | undefined;
  private again: NodeJS.Timeout | undefined;

  constructor(
    readonly place: BrokerPlace,
    private readonly settings: string,
    private readonly machine: Machine,
  ) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Makes its folder. @param formatting further arguments of Kafka's storage tool */
  async format(cluster: string, formatting: readonly string[]): Promise<void> {
    await mkdir(this.place.folder, { recursive: true, mode: 0o700 });
    await writeFile(this.path('server.properties'), this.settings);
    await writeFile(this.path('log4j2.properties'), LOGGING);
    const { code, said } = await run(this.machine.java, [...this.jvm(), 'kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', cluster, '-c', this.path('server.properties'), ...formatting], 120_000);
    if (code !== 0) throw new KafkaUnavailable(`its storage could not be formatted (${said.trim().slice(-400)})`);
  }

  /** Starts the process. It answers a little later. */
  start(): void {
    if (this.child) return;
    const log = openSync(this.path('broker.log'), 'a');
    // A group of its own: Ctrl-C reaches us alone, who end it in an orderly way.
    const child = spawn(this.machine.java, [...this.jvm(), 'kafka.Kafka', this.path('server.properties')], { stdio: ['ignore', log, log], detached: true, cwd: this.place.folder });
    closeSync(log);
    child.unref();
    child.on('error', () => undefined);
    this.child = child;
    const { pid } = child;
    if (pid === undefined) return;
    this.machine.watchdog.watch(pid);
    child.once('exit', () => {
      this.machine.watchdog.forget(pid);
      if (this.child === child) this.child = undefined;
      if (!this.kept) return;
      this.kept(`broker ${this.place.id} ended and is started again`);
      this.again = setTimeout(() => this.start(), AGAIN_AFTER_MS);
    });
  }

  /** From now on it is started again on its data whenever it dies, until it is asked to end. @param report told each time */
  keepRunning(report: (says: string) => void): void {
    this.kept = report;
  }

  /** Ends it in an orderly way, or at once; resolves when it is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.kept = undefined;
    clearTimeout(this.again);
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    if (this.frozen) this.thaw();
    child.kill(signal);
    const patience = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await gone;
    clearTimeout(patience);
  }

  /** Stops it as if its machine stood still: connections stay open, nothing answers. */
  freeze(): void {
    this.frozen = this.child?.kill('SIGSTOP') ?? false;
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
    this.frozen = false;
  }

  /** The last of what it complained about. */
  async complaints(): Promise<string> {
    const log = await readFile(this.path('broker.log'), 'utf8').catch(() => '');
    const lines = log.split('\n').filter((line) => /ERROR|FATAL|Exception/.test(line));
    return lines.slice(-3).join(' ').slice(0, 600);
  }

  private jvm(): string[] {
    return [...SMALL_JVM, `-Dlog4j2.configurationFile=${this.path('log4j2.properties')}`, '-cp', join(this.machine.jars, '*')];
  }

  private path(name: string): string {
    return join(this.place.folder, name);
  }
}
