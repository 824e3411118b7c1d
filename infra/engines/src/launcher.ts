import { spawnSync, type SpawnOptions } from 'node:child_process';
import { userInfo } from 'node:os';
import type { PostgresPackage } from './package.js';
import { EngineUnavailable } from './unavailable.js';

/** A way to run PostgreSQL's programs here. They refuse to run as root, and want to know their user's name. */
export interface Launcher {
  readonly name: string;
  /** What is put before the program's name. */
  readonly prefix: readonly string[];
  /** User whose processes they are, where it is not ours: the data must belong to it. */
  readonly as?: { readonly uid: number; readonly gid: number };
}

const NOBODY = 65_534;

/** Within a namespace of its own the process is nobody; outside it is still us, so private folders stay open to it. */
const NAMESPACE = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];

/** The kernel tells PostgreSQL to shut down (fast) when Baton dies, however it dies. */
const WITH_PARENT = ['setpriv', '--pdeathsig', 'INT'];

export interface LauncherOptions {
  /** False: as if user namespaces were forbidden. */
  readonly namespaces?: boolean;
  /** False: PostgreSQL stays when Baton dies (the next start stops it). */
  readonly endsWithParent?: boolean;
}

/**
 * The first way that works here, tried out.
 * @throws EngineUnavailable with what the last one said, if none does
 */
export function findLauncher(found: PostgresPackage, options: LauncherOptions = {}): Launcher {
  let said = 'the user it would run as has no name, and user namespaces are not to be used';
  for (const launcher of candidates(options)) {
    const [file, args] = commandOf(launcher, found.postgres, ['--version']);
    const tried = spawnSync(file, args, { ...optionsOf(launcher, found), encoding: 'utf8', timeout: 10_000 });
    if (tried.status === 0 && tried.stdout.includes('PostgreSQL')) return launcher;
    said = tried.error?.message ?? (tried.stderr.trim() || `exit ${tried.status ?? tried.signal}`);
  }
  throw new EngineUnavailable(`it did not start (${said.slice(0, 300)})`);
}

function candidates({ namespaces = true, endsWithParent = true }: LauncherOptions): Launcher[] {
  const ways: Launcher[] = [];
  const root = process.getuid?.() === 0;
  if (!root && hasName()) ways.push({ name: 'plain', prefix: [] });
  if (namespaces && (root || !hasName())) ways.push({ name: 'namespace', prefix: NAMESPACE });
  if (root) ways.push({ name: 'other user', prefix: [], as: { uid: NOBODY, gid: NOBODY } });
  return ways.flatMap((way) => [...(endsWithParent ? [{ ...way, prefix: [...way.prefix, ...WITH_PARENT] }] : []), way]);
}

/** Containers are often run under a number that no user has. */
function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

/** The command line of a program under this launcher. */
export function commandOf(launcher: Launcher, program: string, args: readonly string[]): [string, string[]] {
  const [first = program, ...rest] = [...launcher.prefix, program, ...args];
  return [first, rest];
}

/** User and environment of a program under this launcher; nothing of Baton's own settings reaches it. */
export function optionsOf(launcher: Launcher, found: PostgresPackage): Pick<SpawnOptions, 'uid' | 'gid' | 'env' | 'cwd'> {
  return {
    cwd: '/',
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LC_ALL: 'C',
      TZ: 'UTC',
      ...(found.libraries === undefined ? {} : { LD_LIBRARY_PATH: found.libraries }),
    },
    ...(launcher.as ?? {}),
  };
}
