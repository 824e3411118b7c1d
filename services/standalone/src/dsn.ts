import { dsnFor, SCHEMAS, type Schema } from '@baton/postgres';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { wantsHelp } from './help.js';
import { ADMIN_DSN } from './start-standalone.js';
import { HostConfig, readConfig } from '@baton/service-host';

/** `npm run -s dsn -- <service>`: prints how psql reaches the database of the Baton that runs here, as that service's role. */
const service = process.argv[2];
if (wantsHelp(process.argv) || !SCHEMAS.includes(service as Schema)) {
  const asked = wantsHelp(process.argv);
  (asked ? process.stdout : process.stderr).write(`Whose? npm run -s dsn -- <service>, one of ${SCHEMAS.join(', ')}\n`);
  process.exit(asked ? 0 : 1);
}
try {
  const { BATON_HOME, DATABASE_URL } = readConfig(HostConfig, process.env);
  const home = resolve(BATON_HOME);
  const adminDsn = DATABASE_URL ?? (await readFile(join(home, 'secrets', ADMIN_DSN), 'utf8')).trim();
  process.stdout.write(`${await dsnFor(join(home, 'secrets'), adminDsn, service as Schema)}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\nIs a Baton running with this BATON_HOME?\n`);
  process.exit(1);
}
