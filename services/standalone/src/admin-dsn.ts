import { dsnFor, type Schema } from '@baton/postgres';
import type { HostConfig } from '@baton/service-host';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** File among the secrets that tells commands beside Baton where the database is. */
const ADMIN_DSN = 'admin-dsn';

/** Notes where the database is. */
export const noteAdminDsn = (secretsDir: string, adminDsn: string): Promise<void> => writeFile(join(secretsDir, ADMIN_DSN), `${adminDsn}\n`, { mode: 0o600 });

/**
 * How the database of the Baton of this configuration is reached.
 * @returns DSN of each schema's own role
 * @throws where no Baton has noted it and none is configured
 */
export async function dsnsOf({ BATON_HOME, DATABASE_URL }: Pick<HostConfig, 'BATON_HOME' | 'DATABASE_URL'>): Promise<(schema: Schema) => Promise<string>> {
  const secrets = join(resolve(BATON_HOME), 'secrets');
  const adminDsn = DATABASE_URL ?? (await readFile(join(secrets, ADMIN_DSN), 'utf8')).trim();
  return (schema) => dsnFor(secrets, adminDsn, schema);
}
