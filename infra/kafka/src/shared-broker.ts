import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive, oneAtATime } from './folder-lock.js';
import { KafkaUnavailable } from './unavailable.js';

const KEEPER = fileURLToPath(new URL('./shared-broker-keeper.js', import.meta.url));
const WITHIN = 300_000;

/** What a keeper writes once its broker answers, or cannot. */
export interface KeeperSays {
  readonly keeper: number;
  readonly brokers?: string;
  readonly trouble?: string;
}

/**
 * The process of the test run: a worker of Jest is its child, and talks to it. All workers of a run share a broker, and it goes when that
 * process goes.
 */
export const testRun = (): number => (process.send ? process.ppid : process.pid);

/** The address of the run's broker. Whoever asks first starts it. @throws KafkaUnavailable with what went wrong */
export async function sharedBroker(kind: 'local' | 'container'): Promise<string> {
  const folder = join(tmpdir(), `baton-kafka-run-${process.getuid?.() ?? 0}-${testRun()}`);
  const said = await oneAtATime(`${folder}.lock`, async () => (await readSaying(folder)) ?? (await startKeeper(folder, kind)));
  if (said.brokers === undefined) throw new KafkaUnavailable(said.trouble ?? 'its keeper ended');
  return said.brokers;
}

async function startKeeper(folder: string, kind: string): Promise<KeeperSays> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Beside the run, not under it: it must outlive the worker that happened to be first.
  const keeper = spawn(process.execPath, [KEEPER, kind, folder, String(testRun())], { detached: true, stdio: 'ignore', cwd: '/' });
  keeper.unref();
  for (const deadline = Date.now() + WITHIN; Date.now() < deadline; await sleep(100)) {
    const said = await readSaying(folder);
    if (said) return said;
    if (keeper.exitCode !== null) break;
  }
  return { keeper: 0 };
}

/** What a living keeper said: another run with the same process id may have left a folder. */
async function readSaying(folder: string): Promise<KeeperSays | undefined> {
  const text = await readFile(join(folder, 'says.json'), 'utf8').catch(() => undefined);
  const said = text === undefined ? undefined : (JSON.parse(text) as KeeperSays);
  return said && (said.trouble !== undefined || isAlive(said.keeper)) ? said : undefined;
}
