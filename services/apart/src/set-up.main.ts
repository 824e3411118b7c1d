import { HomeInUse, HomeUnusable } from '@baton/engines';
import { endBecause, readConfig, say } from '@baton/service-host';
import { openHomeDatabase, wholeConfig } from '@baton/standalone';
import { resolve } from 'node:path';
import { setUp } from './set-up.js';

/** `npm run setup`: makes roles, schemas and topics for services that start alone. `DATABASE_URL` is the administrator's login. */
try {
  const config = readConfig(wholeConfig(process.env).required({ DATABASE_URL: true }), process.env);
  const database = await openHomeDatabase(resolve(config.BATON_HOME), config, 'setup');
  await setUp(database.dsns, config.KAFKA_BROKERS).finally(() => database.close());
  say('Roles, schemas and topics are as they should be.');
} catch (error) {
  endBecause('setup', error, [HomeInUse, HomeUnusable]);
}
