import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dsnFor, SCHEMAS } from '@baton/postgres';
import type { ServiceProcess } from '@baton/apart';
import { databaseAt, eventually } from '@baton/testing';
import type { BatonUnderTest } from './under-test.js';

/** The database of a home: as its administrator, and how each role gets at it. */
export async function databaseOf(home: string): Promise<BatonUnderTest['database'] & { close(): Promise<void> }> {
  const adminDsn = (await readFile(join(home, 'secrets', 'admin-dsn'), 'utf8')).trim();
  const dsns = new Map(await Promise.all(SCHEMAS.map(async (schema) => [schema, await dsnFor(join(home, 'secrets'), adminDsn, schema)] as const)));
  const { admin, close } = databaseAt(adminDsn);
  return { admin, dsn: (schema) => dsns.get(schema)!, close };
}

/** What several processes say at `/metrics`. @param addresses of each */
export const metricsOf = async (addresses: readonly string[]): Promise<string> => (await Promise.all(addresses.map(async (address) => (await fetch(`${address}/metrics`)).text()))).join('\n');

/** Lets a process end in order; whatever watches over it starts it again, as its environment says by then. */
export async function startedAgain(service: ServiceProcess): Promise<void> {
  const { pid } = service;
  if (pid !== undefined) process.kill(pid, 'SIGTERM');
  await eventually(async () => service.pid !== pid && (await fetch(`${service.address}/health/ready`)).ok, { within: 60_000, every: 50 });
}
