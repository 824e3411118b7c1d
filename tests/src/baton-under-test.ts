import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostConfig, startServices, readConfig, type Running, type Service } from '@baton/service-host';
import { SERVICES } from '@baton/gateway';
import { withLoopback } from '@baton/standalone';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import { startApartBaton } from './apart-under-test.js';
import type { Clock } from '@baton/kernel';
import type { Schema } from '@baton/postgres';

/** A whole Baton on a database of its own, with real HTTP. */
export interface BatonUnderTest {
  readonly address: string;
  readonly fhirBase: string;
  /** Where its keys are, those of the demo partners included. */
  readonly home: string;
  readonly database: Pick<TestDatabase, 'admin' | 'dsn'>;
  /** What all of its processes say at `/metrics`. */
  metrics(): Promise<string>;
  /** Stops it and starts it again on the same database and port. @param options who sleeps from then on; nobody, if left out */
  restart(options?: Pick<BatonOptions, 'asleep'>): Promise<void>;
  stop(): Promise<void>;
}

export interface BatonOptions {
  /** Pathway file or folder; the Greater Manchester example if left out. */
  readonly pathway?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Services that answer requests and do nothing by themselves: no event is handled, nothing is scanned for. */
  readonly asleep?: readonly Schema[];
}

/** `BATON_STORIES=apart`: the same stories are told to services in processes of their own, two of each, on Kafka. */
const APART = process.env['BATON_STORIES'] === 'apart';

/** Starts a Baton for a spec file, in `beforeAll`; stop it in `afterAll`. */
export const startBaton = (options: BatonOptions = {}): Promise<BatonUnderTest> => (APART ? startApartBaton(options) : startInProcess(options));

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
