import { OTHERWISE, routesOf } from '@baton/apart';
import { SERVICES } from '@baton/gateway';
import { existsSync, globSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

/** What `package-lock.json` says of one folder. */
interface Locked {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly link?: boolean;
  readonly resolved?: string;
}

/** Our packages; their specs and their sources stay behind. */
const PACKAGES = ['contracts', 'libs/*', 'infra/*', 'services/*'];

/** Which service answers what, for the proxy: `BATON_ROUTES` of its container. */
const ROUTES = join('infra', 'proxy', 'routes.json');

/** Of `infra/image` only what runs inside a container. */
const OF_THIS_PACKAGE = ['package.json', 'dist/runtime'];

/**
 * Copies what a container of Baton needs, and nothing besides, from a tree that was installed and built: our packages compiled, and of
 * `node_modules` what the lock calls neither `dev` nor `optional`: no engine, no compiler, no test. The proxy's routes are derived and written beside it.
 * @param tree the repository, after `npm ci` and `npm run build`
 * @param out a folder that does not exist yet, or is empty
 */
export async function copyRuntimeFiles(tree: string, out: string): Promise<void> {
  const take = (path: string, filter: (part: string) => boolean = () => true): Promise<void> => cp(join(tree, path), join(out, path), { recursive: true, filter: (from) => filter(relative(join(tree, path), from)) });
  const { packages } = JSON.parse(await readFile(join(tree, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> };
  await mkdir(out, { recursive: true });
  await take('package.json');
  await take('LICENSE');
  for (const folder of globSync(PACKAGES, { cwd: tree })) {
    if (folder === join('infra', 'image')) for (const part of OF_THIS_PACKAGE) await take(join(folder, part));
    else if (existsSync(join(tree, folder, 'dist'))) await take(folder, ofOurs);
  }
  await writeFile(join(out, ROUTES), JSON.stringify({ routes: routesOf(SERVICES), otherwise: OTHERWISE }, undefined, 1));
  for (const [path, locked] of Object.entries(packages)) {
    if (locked.link) await linkTo(out, path, locked.resolved!);
    else if (path.startsWith('node_modules/') && !locked.dev && !locked.optional && !locked.devOptional) await take(path, ofTheirs);
  }
}

const COMPILED_FROM = /(^|\/)(src|node_modules|tsconfig\.json|README\.md|\.tsbuildinfo)$|\.d\.ts$|\.map$|\.(spec|slow|fixture)\.js$/;

const ofOurs = (part: string): boolean => !COMPILED_FROM.test(part.split(sep).join('/'));

/** Packages inside a package have lines of their own in the lock. */
const ofTheirs = (part: string): boolean => !/(^|\/)node_modules$|\.(d\.[cm]?ts|map)$/.test(part.split(sep).join('/'));

async function linkTo(out: string, path: string, folder: string): Promise<void> {
  if (!existsSync(join(out, folder))) return;
  await mkdir(dirname(join(out, path)), { recursive: true });
  await symlink(relative(dirname(path), folder), join(out, path));
}
