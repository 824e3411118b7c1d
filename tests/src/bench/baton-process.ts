import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@baton/testing';
import { Client } from 'pg';
import { cpuOf, memoryOf, type Cpu, type Memory } from './processes.js';

const MAIN = resolve(import.meta.dirname, '../../../services/standalone/dist/main.js');
const READY_WITHIN_MS = 120_000;
const AT_REST_WITHIN_MS = 300_000;

/** The real thing: `npm start`'s process with its own PostgreSQL, on a home of its own, as a newcomer would have it. */
export class BatonProcess {
  private constructor(
    readonly home: string,
    readonly address: string,
    private readonly child: ChildProcess,
    private readonly admin: Client,
    readonly adminDsn: string,
    /** From starting the process until `/health/ready` answered 200. */
    readonly startedAfterMs: number,
    private readonly said: () => string,
    private readonly expectEnd: () => void,
  ) {}

  /** @param home kept from an earlier start; a new, empty one if left out */
  static async start({ home, nodeArguments = [] }: { home?: string; nodeArguments?: readonly string[] } = {}): Promise<BatonProcess> {
    const at = home ?? (await mkdtemp(join(tmpdir(), 'baton-bench-')));
    const port = await freePort();
    const { BATON_EGRESS_ALLOW: _allow, DATABASE_URL: _url, KAFKA_BROKERS: _brokers, NODE_ENV: _mode, BATON_CRASH_AT: _crash, ...env } = process.env;
    const began = performance.now();
    const child = spawn(process.execPath, [...nodeArguments, MAIN], { env: { ...env, BATON_HOME: at, BATON_PORT: String(port) }, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const listen = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-20_000));
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    const tell = (code: number | null, signal: string | null): void => void process.stderr.write(`Baton ended by itself (${signal ?? code}). It said last:\n${said}\n`);
    child.once('exit', tell);
    const address = `http://127.0.0.1:${port}`;
    await ready(child, address, () => said);
    const startedAfterMs = performance.now() - began;
    const adminDsn = (await readFile(join(at, 'secrets', 'admin-dsn'), 'utf8')).trim();
    const admin = new Client({ connectionString: adminDsn, application_name: 'baton bench' });
    admin.on('error', () => undefined);
    await admin.connect();
    return new BatonProcess(at, address, child, admin, adminDsn, startedAfterMs, () => said, () => void child.off('exit', tell));
  }

  get fhirBase(): string {
    return `${this.address}/fhir/R4`;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** What it wrote to its log and to the terminal, the last of it. */
  get log(): string {
    return this.said();
  }

  /** Asks its database as the administrator. */
  async sql<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.admin.query<Row>(text, [...values])).rows;
  }

  cpu(): Promise<Cpu> {
    return cpuOf(this.pid);
  }

  memory(): Promise<Memory> {
    return memoryOf(this.pid);
  }

  /** Waits until everything that follows from what was written is done: outboxes empty, consumers behind nothing. */
  async atRest(): Promise<void> {
    const until = performance.now() + AT_REST_WITHIN_MS;
    while (performance.now() < until) {
      if (await this.isAtRest()) return;
      await sleep(50);
    }
    throw new Error(`Events are still under way after ${AT_REST_WITHIN_MS / 1000} s. Baton said:\n${this.log}`);
  }

  private async isAtRest(): Promise<boolean> {
    const [waiting] = await this.sql<{ there: boolean }>(`SELECT ${PUBLISHERS.map((schema) => `EXISTS (SELECT FROM ${schema}.outbox)`).join(' OR ')} AS there`);
    if (waiting!.there) return false;
    const metrics = await (await fetch(`${this.address}/metrics`)).text();
    const lags = [...metrics.matchAll(/^baton_consumer_lag_events\{[^}]*\} (\S+)$/gm)].map(([, lag]) => Number(lag));
    return lags.length > 0 && lags.every((lag) => lag === 0);
  }

  /** Stops it as SIGTERM does. @param keep the home stays, to start on it again */
  async stop({ keep = false } = {}): Promise<void> {
    this.expectEnd();
    await this.admin.end();
    if (this.child.exitCode === null) {
      const gone = once(this.child, 'exit') as Promise<[number | null]>;
      this.child.kill('SIGTERM');
      const [code] = await gone;
      if (code !== 0) process.stderr.write(`Baton did not stop cleanly (${code}). It said last:\n${this.log}\n`);
    }
    if (!keep) await removed(this.home);
  }
}

/** PostgreSQL may still be finishing when its parent has gone. */
export const removed = (home: string): Promise<void> => rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });

const PUBLISHERS = ['directory', 'consent', 'referrals', 'episodes'];

async function ready(child: ChildProcess, address: string, said: () => string): Promise<void> {
  const until = performance.now() + READY_WITHIN_MS;
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new Error(`Baton ended with ${child.exitCode}:\n${said()}`);
    const answer = await fetch(`${address}/health/ready`).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(20);
  }
  child.kill('SIGKILL');
  throw new Error(`Baton was not ready after ${READY_WITHIN_MS / 1000} s:\n${said()}`);
}
