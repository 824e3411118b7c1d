import { access, constants, mkdir, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** `BATON_HOME` cannot be made or written. The message says why. */
export class HomeUnusable extends Error {
  override readonly name = 'HomeUnusable';

  constructor(home: string, why: string) {
    super(`BATON_HOME: ${home} cannot be used: ${why}. Name a folder that this user may make and write: BATON_HOME=…`);
  }
}

/** File systems in which the kernel shows itself: root may "write" there, and Node's recursive mkdir never comes to an end. */
const SHOWS_THE_KERNEL: readonly number[] = [0x9fa0, 0x6265_6572];

/**
 * Makes the home, private, with the folders above it, unless it is there.
 * @throws HomeUnusable
 */
export async function makeHome(home: string): Promise<void> {
  const there = await nearest(resolve(home), home);
  if (SHOWS_THE_KERNEL.includes((await statfs(there)).type)) throw new HomeUnusable(home, `${there} belongs to the kernel`);
  await access(there, constants.W_OK | constants.X_OK).catch(() => {
    throw new HomeUnusable(home, `this user may not write in ${there}`);
  });
  await mkdir(home, { recursive: true, mode: 0o700 });
}

/** The folder itself, or the nearest above it that is there. */
async function nearest(path: string, home: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code === 'ENOENT' || code === 'ENOTDIR') && path !== dirname(path)) return nearest(dirname(path), home);
    throw new HomeUnusable(home, code === 'EACCES' ? `this user may not enter ${dirname(path)}` : `${path} cannot be reached (${code})`);
  }
  throw new HomeUnusable(home, `${path} is not a folder`);
}
