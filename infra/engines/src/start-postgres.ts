import { crashPoint } from '@baton/kernel';
import { secret } from '@baton/postgres';
import { realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { prepareCluster, SUPERUSER, type ClusterPlace } from './cluster.js';
import { socketFolder } from './folders.js';
import { makeHome } from './home.js';
import { lockHome } from './home-lock.js';
import { findLauncher, type LauncherOptions } from './launcher.js';
import { postgresPackage } from './package.js';
import { Postmaster, type Restart, type Trouble } from './postmaster.js';
import { endProcessesOn } from './processes.js';
import { serverArguments } from './settings.js';

export interface StartPostgresOptions extends LauncherOptions {
  /** `BATON_HOME`: data in `postgres/`, passwords in `secrets/`, messages in `postgres.log`. Made if missing; one process at a time. */
  readonly home: string;
  /** For tests only: does not wait for the disk. What was committed survives any process, but not the machine. */
  readonly fast?: boolean;
  /** Told what goes wrong while the server is watched. Default: nobody. */
  readonly report?: (trouble: Trouble) => void;
  /** For tests only: URL of a module that finds another package than ours. */
  readonly packageFrom?: string;
}

/** A PostgreSQL server of our own. It is watched, and started again if it ends, until `stop()`. */
export interface EmbeddedPostgres {
  /** The superuser's connection string, database `baton`; the same after every restart. */
  readonly adminDsn: string;
  /** Where passwords are kept: hand it to `bootstrap`. */
  readonly secretsDir: string;
  /** Process id of the server; undefined while there is none. It changes with a restart. */
  readonly pid: number | undefined;
  /** @returns stops telling */
  onRestart(listener: (restart: Restart) => void): () => void;
  /** Shuts the server down and gives the home back. Committed data is on disk. May be called again. */
  stop(): Promise<void>;
}

const DATABASE = 'baton';

/**
 * Starts PostgreSQL from its npm package on a home, whatever the last run left there: nothing, a server that was killed, one
 * that still runs. It listens on a Unix socket in a private folder only.
 * @throws EngineUnavailable where it cannot run; HomeUnusable where the home cannot be made or written; HomeInUse if another process has the home
 */
export async function startPostgres(options: StartPostgresOptions): Promise<EmbeddedPostgres> {
  await makeHome(options.home);
  const home = await realpath(options.home);
  const unlock = await lockHome(home);
  try {
    return await startIn(home, options, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function startIn(home: string, options: StartPostgresOptions, unlock: () => Promise<void>): Promise<EmbeddedPostgres> {
  const { fast = false, report = () => undefined } = options;
  const find = () => postgresPackage(join(home, 'postgres-lib'), options.packageFrom);
  const found = await find();
  const launcher = findLauncher(found, options);
  const data = join(home, 'postgres');
  if (await exists(data)) await endProcessesOn(data);
  const sockets = await socketFolder(home, launcher);
  const secretsDir = join(home, 'secrets');
  const password = await superuserPassword(secretsDir, data);
  const place: ClusterPlace = { data, scratch: sockets, found, launcher };
  await prepareCluster(place, password, !fast);
  const postmaster = new Postmaster({ data, scratch: sockets, launcher, find, args: serverArguments(data, sockets, fast), logFile: join(home, 'postgres.log'), report });
  const dsn = (database: string) => `postgres://${SUPERUSER}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(sockets)}&port=5432`;
  const stop = async () => {
    await postmaster.stop();
    if (!sockets.startsWith(home)) await rm(sockets, { recursive: true, force: true });
  };
  try {
    await postmaster.start();
    await ensureDatabase(dsn('postgres'));
  } catch (error) {
    await stop();
    throw error;
  }
  let stopped: Promise<void> | undefined;
  return {
    adminDsn: dsn(DATABASE),
    secretsDir,
    get pid() {
      return postmaster.pid;
    },
    onRestart: (listener) => postmaster.onRestart(listener),
    stop: () => (stopped ??= stop().finally(unlock)),
  };
}

/** A new password would not open old data: that is said before anything is made. */
async function superuserPassword(secretsDir: string, data: string): Promise<string> {
  if ((await exists(data)) && !(await exists(join(secretsDir, SUPERUSER)))) {
    throw new Error(`The database in ${data} is there, but its password ${join(secretsDir, SUPERUSER)} is missing. Put the file back, or move the data folder away to begin anew.`);
  }
  return secret(secretsDir, SUPERUSER);
}

async function ensureDatabase(dsn: string): Promise<void> {
  const client = new Client({ connectionString: dsn, application_name: 'baton start' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
    crashPoint('postgres.database-made');
  } finally {
    await client.end();
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
