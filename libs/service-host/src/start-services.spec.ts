import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import { HostConfig, readConfig } from './config.js';
import type { Service, Worker } from './service.js';
import { startServices, type Running } from './start-services.js';

describe('A process that is asked to stop', () => {
  let database: TestDatabase;
  let home: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    home = await mkdtemp(join(tmpdir(), 'baton-stopping-'));
  });
  afterAll(async () => {
    await database.drop();
    await rm(home, { recursive: true });
  });

  const withWorker = (stop: Worker['stop'], seconds: number): Promise<Running> => {
    const service: Service = { name: 'directory', migrations: [], types: [], publishes: false, workers: () => [{ name: 'worker', start: () => undefined, stop }] };
    const env = { BATON_HOME: home, BATON_PORT: '0', BATON_LOG_LEVEL: 'silent', BATON_DRAIN_SECONDS: String(seconds) };
    return startServices({ config: readConfig(HostConfig, env), env, services: [service], dsnOf: (schema) => database.dsn(schema), name: 'test' });
  };

  it('waits for what its workers have in hand', async () => {
    let done = false;
    const running = await withWorker(() => new Promise((resolve) => setTimeout(() => resolve(void (done = true)), 300)), 20);
    await running.stop();
    expect(done).toBe(true);
  });

  it('does not wait for ever: what is not done in time is left to whoever starts next', async () => {
    const running = await withWorker(() => new Promise(() => undefined), 1);
    const began = performance.now();
    await running.stop();
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
