import { createHash } from 'node:crypto';
import { chmod, chown, lstat, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Launcher } from './launcher.js';
import { EngineUnavailable } from './unavailable.js';

/** A Unix socket's whole path may have 107 bytes. */
const MAX_SOCKET_PATH = 107;
const SOCKET = '.s.PGSQL.5432';

/**
 * A folder for the socket, which only we and PostgreSQL can enter: `<home>/run`, or a short one in the temporary folder
 * where that path would be too long (or has characters that PostgreSQL's list of folders does not take). The same home
 * gets the same folder each time, if nobody else has taken that name.
 */
export async function socketFolder(home: string, launcher: Launcher): Promise<string> {
  const inside = join(home, 'run');
  if (fits(inside)) {
    // Nothing of an earlier run is needed, and it may have had another owner.
    await rm(inside, { recursive: true, force: true });
    return makePrivate(inside, launcher);
  }
  const name = `baton-${createHash('sha256').update(home).digest('hex').slice(0, 16)}`;
  for (const base of [tmpdir(), '/tmp']) {
    if (!fits(join(base, `${name}-XXXXXX`))) continue;
    try {
      return await makePrivate(join(base, name), launcher);
    } catch {
      return makePrivate(await mkdtemp(join(base, `${name}-`)), launcher);
    }
  }
  throw new EngineUnavailable('no folder with a path short enough for a Unix socket was found');
}

const fits = (folder: string): boolean => /^[\w./-]+$/.test(folder) && Buffer.byteLength(join(folder, SOCKET)) <= MAX_SOCKET_PATH;

/**
 * A folder with mode 0700 that belongs to whom PostgreSQL runs as.
 * @throws if it is there and somebody else's
 */
export async function makePrivate(folder: string, { as }: Launcher): Promise<string> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(folder);
  if (!found.isDirectory() || ![process.getuid?.(), as?.uid].includes(found.uid)) throw new Error(`${folder} belongs to somebody else.`);
  await chmod(folder, 0o700);
  if (as) await chown(folder, as.uid, as.gid);
  return folder;
}
