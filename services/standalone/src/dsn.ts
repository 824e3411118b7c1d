import { SCHEMAS, type Schema } from '@baton/postgres';
import { HostConfig, readConfig } from '@baton/service-host';
import { dsnsOf } from './admin-dsn.js';
import { endWithUsage, wantsHelp } from './help.js';

/** `npm run -s dsn -- <service>`: prints how psql reaches the database of the Baton that runs here, as that service's role. */
const service = process.argv[2];
if (wantsHelp(process.argv) || !SCHEMAS.includes(service as Schema)) endWithUsage(`Whose? npm run -s dsn -- <service>, one of ${SCHEMAS.join(', ')}\n`);
try {
  const dsnOf = await dsnsOf(readConfig(HostConfig, process.env));
  process.stdout.write(`${await dsnOf(service as Schema)}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\nIs a Baton running with this BATON_HOME?\n`);
  process.exit(1);
}
