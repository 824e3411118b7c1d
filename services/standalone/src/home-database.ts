import { lockHome, makeHome, startPostgres } from '@baton/engines';
import { crashPoint } from '@baton/kernel';
import { bootstrap, type Schema } from '@baton/postgres';
import { openLog, type HostConfig } from '@baton/service-host';
import { join } from 'node:path';
import { noteAdminDsn } from './admin-dsn.js';
import { databaseError } from './configuration.js';

/** The database of a home, with the roles and schemas of every service; the home is ours until it is closed. */
export interface HomeDatabase {
  /** DSN of each schema's own role. */
  readonly dsns: Readonly<Record<Schema, string>>;
  /** Ends the embedded engine and gives the home back. */
  close(): Promise<void>;
}

/** Where roles are to be made, as the administrator. */
interface Server {
  readonly adminDsn: string;
  readonly secretsDir: string;
  stop(): Promise<void>;
}

/**
 * Opens the database that `DATABASE_URL` names, else starts PostgreSQL from its npm package on the home.
 * @throws EngineUnavailable where PostgreSQL cannot run and none is named; HomeUnusable where the home cannot be made; HomeInUse where
 * another Baton has it; ConfigurationError where what is named cannot be reached
 */
export async function openHomeDatabase(home: string, { DATABASE_URL, BATON_LOG_LEVEL }: Pick<HostConfig, 'DATABASE_URL' | 'BATON_LOG_LEVEL'>, name: string): Promise<HomeDatabase> {
  await makeHome(home);
  const server = DATABASE_URL === undefined ? await embedded(home, name, BATON_LOG_LEVEL) : await external(home, DATABASE_URL);
  try {
    const dsns = await bootstrap(server).catch((error: unknown) => {
      throw DATABASE_URL === undefined ? error : databaseError(error);
    });
    await noteAdminDsn(server.secretsDir, DATABASE_URL === undefined ? server.adminDsn : withoutLogin(server.adminDsn));
    crashPoint('start.admin-dsn-written');
    return { dsns, close: () => server.stop() };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** The password of a database that is not ours is not ours to keep either: where it is, is all that commands beside Baton need. */
const withoutLogin = (dsn: string): string => dsn.replace(/^(\w+:\/\/)[^@/?]*@/, '$1');

/** Whoever is on call reads in Baton's own log that the database ended, how, and when it was back; the rest is in its `postgres.log`. */
async function embedded(home: string, name: string, level: HostConfig['BATON_LOG_LEVEL']): Promise<Server> {
  const log = openLog(`${name}.postgres`, level);
  const postgres = await startPostgres({
    home,
    report: ({ what, why, nextTryMs }) =>
      what === 'ended' ? log.error('PostgreSQL ended; it is started again', { error: why }) : log.error('PostgreSQL could not be started again; the next try follows (see postgres.log)', { error: why, ms: nextTryMs }),
  });
  postgres.onRestart(({ because, downMs, pid }) => log.warn('PostgreSQL runs again', { error: because, ms: downMs, pid }));
  return postgres;
}

async function external(home: string, adminDsn: string): Promise<Server> {
  const unlock = await lockHome(home);
  return { adminDsn, secretsDir: join(home, 'secrets'), stop: async () => unlock() };
}
