import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually } from '@baton/testing';
import { databaseOf, metricsOf } from './placed.js';
import type { BatonOptions, BatonUnderTest } from './under-test.js';

const given = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: these tests run by npm run test:compose or npm run test:apart.`);
  return value;
};

/** The Baton that runs already: containers (`npm run test:compose`) or services apart (`npm run test:apart`). */
export async function joinBaton(options: BatonOptions): Promise<BatonUnderTest> {
  const wishes = Object.keys(options);
  if (wishes.length > 0) throw new Error(`A Baton that runs cannot be given: ${wishes.join(', ')}`);
  const [address, home] = [given('BATON_ADDRESS'), given('BATON_HOME')];
  const database = await databaseOf(home);
  return {
    address,
    fhirBase: `${address}/fhir/R4`,
    home,
    database,
    metrics: () => metricsOf(given('BATON_PROCESSES').split(',')),
    restart: async () => {
      await promisify(execFile)('sh', ['-c', given('BATON_RESTART')]);
      await eventually(async () => (await fetch(`${address}/health/ready`)).ok, { within: 120_000, every: 250 });
    },
    stop: () => database.close(),
  };
}
