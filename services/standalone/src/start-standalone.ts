import { lockHome, makeHome, startPostgres, type EmbeddedPostgres, type Trouble } from '@baton/engines';
import { SERVICES } from '@baton/gateway';
import { applyTopics } from '@baton/kafka';
import { crashPoint } from '@baton/kernel';
import { bootstrap } from '@baton/postgres';
import { openLog, startServices, type HostConfig, type Log, type Running } from '@baton/service-host';
import { join, resolve } from 'node:path';
import { noteAdminDsn } from './admin-dsn.js';
import { databaseError, refuseBrokers, withLoopback } from './configuration.js';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Starts a whole Baton in this process: PostgreSQL from its npm package (or the one `DATABASE_URL` names), every service,
 * one port.
 *
 * @throws EngineUnavailable where PostgreSQL cannot run and none is named; HomeUnusable where the home cannot be made; HomeInUse where
 * another Baton has it; ConfigurationError where what is named cannot be reached or bound
 */
export async function startStandalone(config: HostConfig, env: Env = process.env): Promise<Running> {
  const home = resolve(config.BATON_HOME);
  await makeHome(home);
  const database = config.DATABASE_URL === undefined ? await embedded(home, openLog('standalone.postgres', config.BATON_LOG_LEVEL)) : await external(home, config.DATABASE_URL);
  try {
    const dsns = await bootstrap({ adminDsn: database.adminDsn, secretsDir: database.secretsDir }).catch((error: unknown) => {
      throw config.DATABASE_URL === undefined ? error : databaseError(error);
    });
    await noteAdminDsn(database.secretsDir, database.adminDsn);
    crashPoint('start.admin-dsn-written');
    if (config.KAFKA_BROKERS !== undefined) await applyTopics(config.KAFKA_BROKERS).catch(refuseBrokers);
    const running = await startServices({ config: { ...config, BATON_HOME: home }, env: withLoopback(env), services: SERVICES, dsnOf: (schema) => dsns[schema], name: 'standalone' });
    return {
      ...running,
      stop: async () => {
        await running.stop();
        await database.stop();
      },
    };
  } catch (error) {
    await database.stop();
    throw error;
  }
}

/** Whoever is on call reads in Baton's own log that the database ended, how, and when it was back; the rest is in its `postgres.log`. */
async function embedded(home: string, log: Log): Promise<EmbeddedPostgres> {
  const report = ({ what, why, nextTryMs }: Trouble): void =>
    what === 'ended' ? log.error('PostgreSQL ended; it is started again', { error: why }) : log.error('PostgreSQL could not be started again; the next try follows (see postgres.log)', { error: why, ms: nextTryMs });
  const postgres = await startPostgres({ home, report });
  postgres.onRestart(({ because, downMs, pid }) => log.warn('PostgreSQL runs again', { error: because, ms: downMs, pid }));
  return postgres;
}

async function external(home: string, adminDsn: string): Promise<Pick<EmbeddedPostgres, 'adminDsn' | 'secretsDir' | 'stop'>> {
  const unlock = await lockHome(home);
  return { adminDsn, secretsDir: join(home, 'secrets'), stop: async () => unlock() };
}

