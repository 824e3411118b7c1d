import { Kafka, logLevel, type Admin, type KafkaConfig } from 'kafkajs';

/** Encryption and credentials, where brokers ask for them. */
export type KafkaConnection = Pick<KafkaConfig, 'ssl' | 'sasl'>;

/** Connects to the brokers as an administrator, and leaves again. @param brokers `host:port,host:port` */
export async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>, more: Partial<KafkaConfig> = {}): Promise<T> {
  const kafka = new Kafka({ clientId: 'baton-admin', brokers: brokers.split(','), logLevel: logLevel.NOTHING, ...more });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
