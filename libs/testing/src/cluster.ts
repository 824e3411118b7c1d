import { EngineUnavailable, lockHome, startPostgres } from '@baton/engines';
import { bootstrap } from '@baton/postgres';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { administer, databaseIn } from './administer.js';

/** The PostgreSQL that a whole test run shares, and an empty, bootstrapped database in it to copy from. */
export interface TestCluster {
  readonly adminDsn: string;
  readonly secretsDir: string;
  readonly template: string;
  close(): Promise<void>;
}

/** A server, before anything is made in it. */
type Server = Pick<TestCluster, 'adminDsn' | 'secretsDir' | 'close'>;

/**
 * A cluster for tests: `DATABASE_URL` if it is set, else the embedded engine in a temporary folder, else a container.
 * @throws if there is none of them, saying what was tried
 */
export async function startTestCluster(): Promise<TestCluster> {
  const server = external() ?? (await embedded().catch(orContainer));
  const template = `baton_test_template_${randomBytes(6).toString('hex')}`;
  await administer(server.adminDsn, (admin) => admin.query(`CREATE DATABASE ${template}`));
  const close = async () => {
    await administer(server.adminDsn, (admin) => admin.query(`DROP DATABASE IF EXISTS ${template} WITH (FORCE)`));
    await server.close();
  };
  try {
    await bootstrap({ adminDsn: databaseIn(server.adminDsn, template), secretsDir: server.secretsDir });
  } catch (error) {
    await close();
    throw error;
  }
  return { ...server, template, close };
}

/** Roles belong to the whole cluster: an `npm start` on the same one must know the same passwords, so they are kept where it keeps them. */
function external(): Server | undefined {
  const adminDsn = process.env['DATABASE_URL'];
  if (!adminDsn) return undefined;
  return { adminDsn, secretsDir: resolve(process.env['BATON_HOME'] ?? '.baton', 'secrets'), close: () => Promise.resolve() };
}

const HOMES = 'baton-test-home-';

async function embedded(): Promise<Server> {
  await sweep();
  const home = await mkdtemp(join(tmpdir(), HOMES));
  try {
    const postgres = await startPostgres({ home, fast: true });
    const close = async () => {
      await postgres.stop();
      await rm(home, { recursive: true, force: true });
    };
    return { adminDsn: postgres.adminDsn, secretsDir: postgres.secretsDir, close };
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

/** Test runs that were killed leave their folders; those that nobody uses any more are removed. */
async function sweep(): Promise<void> {
  for (const name of (await readdir(tmpdir())).filter((entry) => entry.startsWith(HOMES))) {
    const home = join(tmpdir(), name);
    try {
      if (Date.now() - (await stat(home)).mtimeMs < 3_600_000) continue;
      const unlock = await lockHome(home);
      await rm(home, { recursive: true, force: true }).finally(unlock);
    } catch {
      // In use, or somebody else's.
    }
  }
}

async function orContainer(unavailable: unknown): Promise<Server> {
  if (!(unavailable instanceof EngineUnavailable)) throw unavailable;
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
  const container = await new PostgreSqlContainer('postgres:18').start().catch((error: Error) => {
    throw new Error(`The tests need a PostgreSQL. ${unavailable.message} Docker was tried as well: ${error.message}.`, { cause: unavailable });
  });
  const secretsDir = await mkdtemp(join(tmpdir(), 'baton-test-secrets-'));
  const close = async () => {
    await container.stop();
    await rm(secretsDir, { recursive: true, force: true });
  };
  return { adminDsn: container.getConnectionUri(), secretsDir, close };
}
