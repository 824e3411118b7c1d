import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requestToken } from '@baton/access';
import { HostConfig, readConfig } from '@baton/service-host';
import { freePort } from '@baton/testing';
import type { Place } from './partner-system.js';

/** The Baton of a demonstration. */
export interface BatonToUse extends Place {
  /** How it came about, in a sentence. */
  readonly says: string;
  /** Stops it and removes what it kept, if the demonstration started it. */
  stop(): Promise<void>;
}

type Env = Readonly<Record<string, string | undefined>>;

/** How long a first start may take, on a slow machine, in milliseconds. */
const START_WITHIN = 60_000;

/**
 * The Baton that runs at `BATON_PORT`; or one started for the demonstration, with a home of its own, on a free port where that one
 * is taken by something else.
 *
 * @throws with what Baton said, if it does not start
 */
export async function batonToUse(partners: readonly string[], env: Env = process.env): Promise<BatonToUse> {
  const { BATON_PORT: port, BATON_HOME: home, DATABASE_URL: database } = readConfig(HostConfig, env);
  const address = `http://127.0.0.1:${port}`;
  const there = await whatIsAt(address);
  if (there === 'baton') {
    const place = { address, fhirBase: `${address}/fhir/R4`, home: resolve(home) };
    if (await hasKeys(place, partners)) return { ...place, says: `The Baton that runs at ${address} is used. What is made stays in it.`, stop: async () => undefined };
  }
  // Passwords of roles belong to a database: with one of the user's own, its home is used too.
  const own = database === undefined ? await mkdtemp(join(tmpdir(), 'baton-demo-')) : resolve(home);
  const chosen = port !== 0 && there === 'nothing' ? port : await freePort();
  const why = there === 'baton' ? `The Baton at ${address} has other keys than ${home}, so another` : there === 'other' ? `Port ${port} is taken by something else, so a Baton` : 'A Baton';
  const where = database === undefined ? 'a temporary folder, PostgreSQL included' : 'your database';
  const removeHome = async (): Promise<void> => (database === undefined ? rm(own, { recursive: true, force: true }) : undefined);
  const began = performance.now();
  try {
    const { place, child } = await start(own, chosen, env);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    return {
      ...place,
      says: `${why} was started at ${place.address} in ${seconds} s (its data: ${where}).`,
      stop: async () => {
        await stop(child);
        await removeHome();
      },
    };
  } catch (error) {
    await removeHome();
    throw error;
  }
}

async function whatIsAt(address: string): Promise<'baton' | 'other' | 'nothing'> {
  try {
    const response = await fetch(`${address}/fhir/R4/metadata`, { signal: AbortSignal.timeout(3_000) });
    const { software } = (await response.json()) as { software?: { name?: string } };
    return software?.name === 'Baton' ? 'baton' : 'other';
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } };
    return cause?.code === 'ECONNREFUSED' ? 'nothing' : 'other';
  }
}

async function hasKeys({ fhirBase, home }: Place, partners: readonly string[]): Promise<boolean> {
  return Promise.all(partners.map((partner) => requestToken({ fhirBase, partner, home }))).then(
    () => true,
    () => false,
  );
}

async function start(home: string, port: number, env: Env): Promise<{ place: Place; child: ChildProcess }> {
  const main = fileURLToPath(new URL('./main.js', import.meta.resolve('@baton/standalone')));
  const { BATON_PUBLIC_URL: _url, BATON_HOST: _host, ...rest } = env;
  const child = spawn(process.execPath, [main], { env: { ...rest, BATON_HOME: home, BATON_PORT: String(port), BATON_LOG_LEVEL: env['BATON_LOG_LEVEL'] ?? 'warn' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const keep = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-4_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const address = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + START_WITHIN; Date.now() < deadline; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`Baton did not start:\n${said.trim()}`);
    if (await isReady(address)) return { place: { address, fhirBase: `${address}/fhir/R4`, home }, child };
  }
  await stop(child);
  throw new Error(`Baton was not ready within ${START_WITHIN / 1000} s:\n${said.trim()}`);
}

const isReady = (address: string): Promise<boolean> =>
  fetch(`${address}/health/ready`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok }) => ok,
    () => false,
  );

/** Ends the Baton that was started: politely, and for good after ten seconds. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(late);
}
