import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { KafkaUnavailable } from './unavailable.js';

const OLDEST_JAVA = 17;

export interface Ran {
  /** Exit code; undefined if the program could not be started or was killed. */
  readonly code: number | undefined;
  /** What it wrote to both streams. */
  readonly said: string;
  readonly notFound: boolean;
}

/** Runs a program to its end. Never throws. */
export function run(file: string, args: readonly string[], timeout: number): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(file, args, { timeout, maxBuffer: 1 << 24, env: process.env }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : undefined) : 0;
      resolve({ code, said: `${stdout}${stderr}`, notFound: (error as NodeJS.ErrnoException | null)?.code === 'ENOENT' });
    });
  });
}

/**
 * The Java to run brokers with: that of `JAVA_HOME`, else the first on the PATH.
 * @throws KafkaUnavailable if there is none, or it is too old
 */
export async function findJava(): Promise<string> {
  const home = process.env['JAVA_HOME'];
  const java = home ? join(home, 'bin', 'java') : 'java';
  const { code, said, notFound } = await run(java, ['-version'], 20_000);
  if (notFound) throw new KafkaUnavailable(`${home ? `JAVA_HOME has no bin/java (${java})` : 'java was not found on the PATH'}; it takes a Java ${OLDEST_JAVA} or later (Debian: apt-get install openjdk-17-jre-headless)`);
  const major = Number(/version "(\d+)/.exec(said)?.[1]);
  if (code !== 0 || Number.isNaN(major)) throw new KafkaUnavailable(`${java} -version did not answer (${said.trim().slice(0, 200)})`);
  if (major < OLDEST_JAVA) throw new KafkaUnavailable(`${java} is Java ${major}; it takes ${OLDEST_JAVA} or later`);
  return java;
}

/** Whether Maven is there to fetch the broker's jars. */
export const hasMaven = async (): Promise<boolean> => (await run('mvn', ['-version'], 20_000)).code === 0;
