import { lockHome, startPostgres, type EmbeddedPostgres } from '@baton/engines';
import { crashPoint } from '@baton/kernel';
import { bootstrap } from '@baton/postgres';
import { startServices, type HostConfig, type Running } from '@baton/service-host';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SERVICES } from './services.js';

/** File among the secrets that tells `npm run dsn` where the database is. */
export const ADMIN_DSN = 'admin-dsn';

const LOOPBACK = '127.0.0.0/8,::1/128';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Starts a whole Baton in this process: PostgreSQL from its npm package (or the one `DATABASE_URL` names), every service,
 * one port.
 *
 * @throws EngineUnavailable where PostgreSQL cannot run and none is named; HomeInUse where another Baton has this home
 */
export async function startStandalone(config: HostConfig, env: Env = process.env): Promise<Running> {
  const home = resolve(config.BATON_HOME);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const database = config.DATABASE_URL === undefined ? await embedded(home) : await external(home, config.DATABASE_URL);
  try {
    const dsns = await bootstrap({ adminDsn: database.adminDsn, secretsDir: database.secretsDir });
    await writeFile(join(database.secretsDir, ADMIN_DSN), `${database.adminDsn}\n`, { mode: 0o600 });
    crashPoint('start.admin-dsn-written');
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

/** On one machine webhooks go to loopback: allowed unless somebody decides otherwise, never in production. */
export const withLoopback = (env: Env): Env => (env['NODE_ENV'] === 'production' || env['BATON_EGRESS_ALLOW'] !== undefined ? env : { ...env, BATON_EGRESS_ALLOW: LOOPBACK });

const embedded = (home: string): Promise<EmbeddedPostgres> => startPostgres({ home });

async function external(home: string, adminDsn: string): Promise<Pick<EmbeddedPostgres, 'adminDsn' | 'secretsDir' | 'stop'>> {
  const unlock = await lockHome(home);
  return { adminDsn, secretsDir: join(home, 'secrets'), stop: async () => unlock() };
}

