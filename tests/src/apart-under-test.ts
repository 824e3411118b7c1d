import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILED, freePort } from '@baton/testing';
import { withLoopback } from '@baton/standalone';
import type { Schema } from '@baton/postgres';
import type { Placed, Wanted } from './apart-under-test.main.js';
import { databaseOf, metricsOf } from './placed.js';
import type { BatonOptions, BatonUnderTest } from './under-test.js';

/** The same Baton, its services in two processes each, on engines of its own: PostgreSQL and Kafka. */
export async function startApartBaton({ pathway, env = {}, asleep = [], clock }: BatonOptions): Promise<BatonUnderTest> {
  if (clock) throw new Error('Processes of their own cannot be given a clock');
  const home = await mkdtemp(join(tmpdir(), 'baton-apart-'));
  const port = String(await freePort());
  const given = withLoopback({ PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', BATON_CHECK_EVENTS: '1', ...COMPILED, BATON_HOME: home, BATON_PORT: port, BATON_LOG_LEVEL: process.env['BATON_LOG_LEVEL'] ?? 'silent', ...(pathway === undefined ? {} : { BATON_PATHWAY: pathway }), ...env });
  const keeper = fork(fileURLToPath(new URL('./apart-under-test.main.js', import.meta.url)), { env: given, execArgv: [] });
  const start = (sleeping: readonly Schema[]): Promise<Placed> => ask(keeper, { asleep: sleeping });
  let placed = await start(asleep);
  const database = await databaseOf(home);
  return {
    address: placed.address,
    fhirBase: placed.fhirBase,
    home,
    database,
    metrics: () => metricsOf(placed.processes),
    restart: async ({ asleep: sleeping = [] } = {}) => void (placed = await start(sleeping)),
    stop: async () => {
      await database.close();
      const ended = once(keeper, 'exit');
      keeper.disconnect();
      await ended;
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Has the services started, or all of them stopped and started again. */
async function ask(keeper: ChildProcess, wanted: Wanted): Promise<Placed> {
  const ended = once(keeper, 'exit').then(([code, signal]) => Promise.reject(new Error(`The services did not start (${String(signal ?? code)}).`)));
  ended.catch(() => undefined);
  const answered = once(keeper, 'message') as Promise<[Placed]>;
  keeper.send(wanted);
  const [placed] = await Promise.race([answered, ended]);
  return placed;
}
