import { SERVICES } from '@baton/gateway';
import { applyTopics } from '@baton/kafka';
import type { Schema } from '@baton/postgres';
import { migrateServices } from '@baton/service-host';
import { refuseBrokers } from '@baton/standalone';

/**
 * Brings everything that services share up to date before they start: every schema under its own role, and the topics of Kafka. May run
 * again at any time, and beside a running Baton.
 */
export async function setUp(dsns: Readonly<Record<Schema, string>>, brokers: string | undefined): Promise<void> {
  if (brokers !== undefined) await applyTopics(brokers).catch(refuseBrokers);
  await migrateServices(SERVICES, (schema) => dsns[schema]);
}
