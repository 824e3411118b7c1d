import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { processesOn } from './processes.js';
import type { StartPostgresOptions } from './start-postgres.js';

export const isRoot = process.getuid?.() === 0;

/** A home in a temporary folder, and its removal, whoever it belongs to by then. */
export function temporaryHome(owner?: number): { home: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'baton-engine-'));
  if (owner !== undefined) chownSync(folder, owner, owner);
  return { home: join(folder, 'home'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** One statement on a connection of its own. */
export async function ask<Row extends object>(dsn: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Tries again until it succeeds or the time (ms) is over. */
export async function until<T>(check: () => T | Promise<T>, within = 10_000): Promise<T> {
  for (const deadline = Date.now() + within; ; await sleep(20)) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

export interface HeldEngine {
  readonly adminDsn: string;
  /** The server's process. */
  readonly pid: number;
  /** Kills the process that holds the engine; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it in an orderly way. */
  end(): Promise<void>;
}

/** Starts an engine in another Node process, perhaps as another user. @throws with what it wrote to stderr, if it ends before it is up */
export async function holdEngine(options: StartPostgresOptions, as: { uid?: number; env?: Record<string, string> } = {}): Promise<HeldEngine> {
  const program = fileURLToPath(new URL('./held-engine.fixture.js', import.meta.url));
  const user = as.uid === undefined ? {} : { uid: as.uid, gid: as.uid };
  const child = spawn(process.execPath, [program, JSON.stringify(options)], { ...user, cwd: '/', env: { PATH: process.env['PATH'], ...as.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const line = await Promise.race([once(createInterface(child.stdout), 'line').then(([text]) => text as string), ended.then(() => undefined)]);
  if (line === undefined) throw new Error(`ended with ${child.exitCode ?? child.signalCode}: ${errors}`);
  const finish = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await ended;
  };
  return { ...(JSON.parse(line) as { adminDsn: string; pid: number }), kill: () => finish('SIGKILL'), end: () => finish('SIGTERM') };
}

/** Waits until no server is left on a home. */
export const noServerOn = (home: string): Promise<void> =>
  until(() => {
    if (processesOn(join(home, 'postgres')).length > 0) throw new Error(`A PostgreSQL still runs on ${home}.`);
  });
