import { KafkaUnavailable, startKafka } from '@baton/kafka';
import { openHomeDatabase, type HomeDatabase } from '@baton/standalone';
import { openLog, type HostConfig } from '@baton/service-host';
import { join } from 'node:path';

/** What services that run apart share. */
export interface Engines {
  readonly database: HomeDatabase;
  /** `host:port,…`; undefined where events travel through the log in PostgreSQL. */
  readonly brokers: string | undefined;
  /** Why there is no Kafka, if none was named and none could be started. */
  readonly without?: string;
  close(): Promise<void>;
}

/** Opens the database and the brokers that are named, else starts them on the home; their data stay there. */
export async function openEngines(home: string, config: HostConfig): Promise<Engines> {
  const database = await openHomeDatabase(home, config, 'apart');
  if (config.KAFKA_BROKERS !== undefined) return { database, brokers: config.KAFKA_BROKERS, close: () => database.close() };
  const log = openLog('apart.kafka', config.BATON_LOG_LEVEL);
  try {
    const kafka = await startKafka({ home: join(home, 'kafka'), restarts: (error) => log.warn('the event engine', { error }) });
    return {
      database,
      brokers: kafka.brokers,
      close: async () => {
        await kafka.stop();
        await database.close();
      },
    };
  } catch (error) {
    if (error instanceof KafkaUnavailable) return { database, brokers: undefined, without: error.message, close: () => database.close() };
    await database.close();
    throw error;
  }
}
