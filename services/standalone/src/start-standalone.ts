import { SERVICES } from '@baton/gateway';
import { applyTopics, topicPlans } from '@baton/kafka';
import { kafkaConnection, startServices, type HostConfig, type Running } from '@baton/service-host';
import { resolve } from 'node:path';
import { refuseBrokers, withLoopback } from './configuration.js';
import { openHomeDatabase } from './home-database.js';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Starts a whole Baton in this process: PostgreSQL from its npm package (or the one `DATABASE_URL` names), every service, one port.
 *
 * @throws EngineUnavailable where PostgreSQL cannot run and none is named; HomeUnusable where the home cannot be made; HomeInUse where
 * another Baton has it; ConfigurationError where what is named cannot be reached or bound
 */
export async function startStandalone(config: HostConfig, env: Env = process.env): Promise<Running> {
  const home = resolve(config.BATON_HOME);
  const database = await openHomeDatabase(home, config, 'standalone');
  try {
    if (config.KAFKA_BROKERS !== undefined) await applyTopics(config.KAFKA_BROKERS, topicPlans(), kafkaConnection(config)).catch(refuseBrokers);
    const running = await startServices({ config: { ...config, BATON_HOME: home }, env: withLoopback(env), services: SERVICES, dsnOf: (schema) => database.dsns[schema], name: 'standalone' });
    return {
      ...running,
      stop: async () => {
        await running.stop();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}
