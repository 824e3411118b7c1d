import { crashPoint } from '@baton/kernel';
import { spawn } from 'node:child_process';
import { chmod, chown, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makePrivate } from './folders.js';
import { commandOf, optionsOf, type Launcher } from './launcher.js';
import type { PostgresPackage } from './package.js';
import { EngineUnavailable } from './unavailable.js';

export const SUPERUSER = 'postgres';

export interface ClusterPlace {
  /** `<home>/postgres`. */
  readonly data: string;
  /** A private folder, for the moment in which the password lies in a file. */
  readonly scratch: string;
  readonly found: PostgresPackage;
  readonly launcher: Launcher;
}

/**
 * Makes the data folder if there is none, and sees that it belongs to whom PostgreSQL runs as. A folder appears
 * complete or not at all: what an interrupted first start left is thrown away.
 */
export async function prepareCluster(place: ClusterPlace, password: string, sync: boolean): Promise<void> {
  const { data, launcher } = place;
  if (launcher.as) await openTheWay(dirname(data));
  const present = await stat(join(data, 'PG_VERSION')).catch(() => undefined);
  if (!present) {
    const draft = `${data}.new`;
    await rm(draft, { recursive: true, force: true });
    await makePrivate(draft, launcher);
    await initialise(place, draft, password, sync);
    crashPoint('postgres.initialised');
    await rename(draft, data);
    if (sync) await syncFolder(dirname(data));
    crashPoint('postgres.data-placed');
  }
  await giveTo(data, launcher);
}

async function initialise({ scratch, found, launcher }: ClusterPlace, folder: string, password: string, sync: boolean): Promise<void> {
  const passwordFile = join(scratch, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (launcher.as) await chown(passwordFile, launcher.as.uid, launcher.as.gid);
  try {
    const [file, args] = commandOf(launcher, found.initdb, [
      ...['-D', folder, '-U', SUPERUSER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8'],
      // Compares by code point, the same on every machine: an index never depends on the libc it was made with.
      ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'],
      ...(sync ? [] : ['--no-sync']),
    ]);
    await succeed(file, args, optionsOf(launcher, found));
  } finally {
    await rm(passwordFile, { force: true });
  }
}

function succeed(file: string, args: string[], options: ReturnType<typeof optionsOf>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new EngineUnavailable(`initdb ended with ${code ?? signal}: ${said.trim().split('\n').at(-1) ?? ''}`));
    });
  });
}

/** PostgreSQL as another user must be able to walk to its folder; it still cannot list what lies beside. */
async function openTheWay(home: string): Promise<void> {
  await chmod(home, 0o711);
  for (let folder = dirname(home); folder !== dirname(folder); folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) {
      throw new EngineUnavailable(`user namespaces are forbidden here, and another user cannot enter ${folder} (choose another BATON_HOME, or start Baton as an ordinary user)`);
    }
  }
}

/** Another way of launching than last time may mean another owner; the folder itself changes hands last, as the sign that all has. */
async function giveTo(folder: string, { as }: Launcher): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = as ?? { uid: 0, gid: 0 };
  if ((await stat(folder)).uid === uid) return;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chown(join(entry.parentPath, entry.name), uid, gid);
  }
  await chown(folder, uid, gid);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync();
  await handle.close();
}
