import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostConfig, startServices, readConfig, type Running, type Service } from '@baton/service-host';
import { SERVICES } from '@baton/gateway';
import { withLoopback } from '@baton/standalone';
import { createTestDatabase } from '@baton/testing';
import { startApartBaton } from './apart-under-test.js';
import { joinBaton } from './running-under-test.js';
import type { BatonOptions, BatonUnderTest } from './under-test.js';
import type { Schema } from '@baton/postgres';

export type { BatonOptions, BatonUnderTest } from './under-test.js';

/**
 * `BATON_STORIES` says who hears the same stories besides the whole in one process: services in processes of their own, two of each, on Kafka (`apart`),
 * or one that runs already, so or in containers (`running`).
 */
const STARTS: Readonly<Record<string, (options: BatonOptions) => Promise<BatonUnderTest>>> = { whole: startInProcess, apart: startApartBaton, running: joinBaton };

/** Starts a Baton for a spec file, in `beforeAll`; stop it in `afterAll`. */
export function startBaton(options: BatonOptions = {}): Promise<BatonUnderTest> {
  const asked = process.env['BATON_STORIES'] ?? 'whole';
  const start = STARTS[asked];
  if (!start) throw new Error(`BATON_STORIES=${asked} is none of ${Object.keys(STARTS).join(', ')}`);
  return start(options);
}

async function startInProcess({ pathway, env = {}, clock, asleep = [] }: BatonOptions): Promise<BatonUnderTest> {
  const home = await mkdtemp(join(tmpdir(), 'baton-'));
  const database = await createTestDatabase();
  const given = withLoopback({ BATON_HOME: home, BATON_PORT: '0', BATON_LOG_LEVEL: process.env['BATON_LOG_LEVEL'] ?? 'silent', ...(pathway === undefined ? {} : { BATON_PATHWAY: pathway }), ...env });
  const start = (port: string, sleeping: readonly Schema[]): Promise<Running> =>
    startServices({ config: readConfig(HostConfig, { ...given, BATON_PORT: port }), env: given, services: SERVICES.map((each) => (sleeping.includes(each.name) ? asleepOf(each) : each)), dsnOf: (schema) => database.dsn(schema), name: 'standalone', ...(clock ? { clock } : {}) });
  let running = await start('0', asleep);
  return {
    address: running.address,
    fhirBase: running.fhirBase,
    home,
    database,
    metrics: async () => (await fetch(`${running.address}/metrics`)).text(),
    restart: async ({ asleep: sleeping = [] } = {}) => {
      const { port } = new URL(running.address);
      await running.stop();
      running = await start(port, sleeping);
    },
    stop: async () => {
      await running.stop();
      await database.drop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function asleepOf({ handlers: _handlers, workers: _workers, ...service }: Service): Service {
  return service;
}
