import { AclsRefused } from '@baton/kafka';
import { HomeInUse, HomeUnusable } from '@baton/engines';
import { endBecause, kafkaConnection, postgresUrl, readConfig, say } from '@baton/service-host';
import { openHomeDatabase, wholeConfig } from '@baton/standalone';
import { resolve } from 'node:path';
import { z } from 'zod';
import { setUp, setUpRights } from './set-up.js';

/**
 * `npm run setup`: makes roles, schemas and topics for services that start alone. `DATABASE_URL` is the administrator's login;
 * with `KAFKA_ACLS=on` it also grants services their rights on Kafka, and `KAFKA_USERNAME` is one who may.
 */
try {
  const config = readConfig(wholeConfig(process.env).safeExtend({ DATABASE_URL: postgresUrl, KAFKA_ACLS: z.enum(['on', 'off']).default('off') }), process.env);
  const { KAFKA_BROKERS: brokers } = config;
  const connection = kafkaConnection(config);
  const database = await openHomeDatabase(resolve(config.BATON_HOME), config, 'setup');
  await setUp({ dsns: database.dsns, brokers, connection }).finally(() => database.close());
  say('Roles, schemas and topics are as they should be.');
  if (brokers !== undefined && config.KAFKA_ACLS === 'on') (await setUpRights(brokers, connection)).forEach(say);
} catch (error) {
  endBecause('setup', error, [AclsRefused, HomeInUse, HomeUnusable]);
}
