import { SERVICES } from '@baton/gateway';
import { aclRules, applyAcls, applyTopics, topicPlans, type KafkaConnection } from '@baton/kafka';
import type { Schema } from '@baton/postgres';
import { migrateServices } from '@baton/service-host';
import { refuseBrokers } from '@baton/standalone';

/** What services share. */
export interface Shared {
  readonly dsns: Readonly<Record<Schema, string>>;
  /** `host:port,…`; undefined where events travel through the log in PostgreSQL. */
  readonly brokers: string | undefined;
  /** Encryption and credentials of whoever may make topics. */
  readonly connection: KafkaConnection;
}

/**
 * Brings everything that services share up to date before they start: every schema under its own role, and the topics of Kafka. May run
 * again at any time, and beside a running Baton.
 */
export async function setUp({ dsns, brokers, connection }: Shared): Promise<void> {
  if (brokers !== undefined) await applyTopics(brokers, topicPlans(), connection).catch(refuseBrokers);
  await migrateServices(SERVICES, (schema) => dsns[schema]);
}

/** Grants each service its rights on Kafka. @returns in a sentence or more, what came of it @throws AclsRefused */
export async function setUpRights(brokers: string, connection: KafkaConnection): Promise<readonly string[]> {
  const { granted, astray } = await applyAcls(brokers, aclRules(), connection).catch(refuseBrokers);
  return [`Rights on Kafka are as they should be; ${granted} were granted.`, ...astray.map((right) => `Not planned, left as it is: ${right}`)];
}
