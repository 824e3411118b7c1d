import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { oneAtATime } from './folder-lock.js';
import { run } from './programs.js';
import { KafkaUnavailable } from './unavailable.js';

const POM = fileURLToPath(new URL('../pom.xml', import.meta.url));
const TEN_MINUTES = 600_000;

/** Where the jars are found, or where they will be. */
export interface JarsPlace {
  /** Apache Kafka's version, as `pom.xml` says; unknown for a folder of somebody else's. */
  readonly version: string | undefined;
  readonly folder: string;
}

/** The folder that `BATON_KAFKA_JARS` names, else one per version and `pom.xml` in the user's cache. */
export async function jarsPlace(): Promise<JarsPlace> {
  const given = process.env['BATON_KAFKA_JARS'];
  if (given) return { version: undefined, folder: given };
  const pom = await readFile(POM, 'utf8');
  const version = /<kafka\.version>([\w.-]+)</.exec(pom)?.[1] ?? 'unknown';
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return { version, folder: join(cache, 'baton', `kafka-${version}`, createHash('sha256').update(pom).digest('hex').slice(0, 12)) };
}

/** Whether the jars are there, so that Maven is not needed. */
export const hasJars = async ({ folder }: JarsPlace): Promise<boolean> => (await jarsIn(folder)).some((name) => /^kafka_\d.*\.jar$/.test(name));

/**
 * The folder of the broker's jars. The first time Maven fetches them (43 MB); whoever comes meanwhile waits. The folder appears
 * complete or not at all.
 * @throws KafkaUnavailable if they are not there and cannot be fetched
 */
export async function findJars(): Promise<string> {
  const place = await jarsPlace();
  if (await hasJars(place)) return place.folder;
  if (process.env['BATON_KAFKA_JARS']) throw new KafkaUnavailable(`BATON_KAFKA_JARS names ${place.folder}, where there is no kafka_*.jar`);
  await mkdir(dirname(place.folder), { recursive: true });
  return oneAtATime(`${place.folder}.lock`, async () => {
    if (!(await hasJars(place))) await fetch(place.folder);
    return place.folder;
  });
}

async function fetch(folder: string): Promise<void> {
  const parts = await mkdtemp(`${folder}.part-`);
  try {
    const { code, said, notFound } = await run('mvn', ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${parts}`], TEN_MINUTES);
    if (notFound) throw new KafkaUnavailable('mvn was not found on the PATH to fetch the broker from Maven Central (Debian: apt-get install maven), and BATON_KAFKA_JARS names no folder with its jars');
    if (code !== 0) throw new KafkaUnavailable(`mvn did not get the broker from Maven Central (${said.trim().split('\n').slice(0, 3).join(' ').slice(0, 400)})`);
    await rm(folder, { recursive: true, force: true });
    await rename(parts, folder);
  } finally {
    await rm(parts, { recursive: true, force: true });
  }
}

const jarsIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
