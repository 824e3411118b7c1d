import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dsnFor, SCHEMAS } from '@baton/postgres';
import { databaseAt, eventually } from '@baton/testing';
import type { BatonOptions, BatonUnderTest } from './under-test.js';

const given = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: these tests run by npm run test:compose.`);
  return value;
};

/** The containers of docker-compose.yml, which `npm run test:compose` started anew for this spec file. */
export async function joinComposeBaton(options: BatonOptions): Promise<BatonUnderTest> {
  const wishes = Object.keys(options);
  if (wishes.length > 0) throw new Error(`Containers that run cannot be given: ${wishes.join(', ')}`);
  const [address, home] = [given('BATON_ADDRESS'), given('BATON_HOME')];
  const adminDsn = (await readFile(join(home, 'secrets', 'admin-dsn'), 'utf8')).trim();
  const dsns = new Map(await Promise.all(SCHEMAS.map(async (schema) => [schema, await dsnFor(join(home, 'secrets'), adminDsn, schema)] as const)));
  const database = databaseAt(adminDsn);
  return {
    address,
    fhirBase: `${address}/fhir/R4`,
    home,
    database: { admin: database.admin, dsn: (schema) => dsns.get(schema)! },
    metrics: async () => (await Promise.all(given('BATON_PROCESSES').split(',').map(async (process) => (await fetch(`${process}/metrics`)).text()))).join('\n'),
    restart: async () => {
      await promisify(execFile)('sh', ['-c', given('BATON_RESTART')]);
      await eventually(async () => (await fetch(`${address}/health/ready`)).ok, { within: 120_000, every: 250 });
    },
    stop: () => database.close(),
  };
}
