import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startInContainer } from './container.js';
import { isAlive } from './folder-lock.js';
import type { KeeperSays } from './shared-broker.js';
import { startKafka } from './start-kafka.js';

/**
 * A process of its own, `node shared-broker-keeper.js <local|container> <folder> <process id>`: holds a broker for as long as that process
 * lives, and tells its address in the folder.
 */
const [kind, folder = '', run = ''] = process.argv.slice(2);

async function say(words: Omit<KeeperSays, 'keeper'>): Promise<void> {
  const file = join(folder, 'says.json');
  await writeFile(`${file}.part`, JSON.stringify({ keeper: process.pid, ...words } satisfies KeeperSays));
  await rename(`${file}.part`, file);
}

try {
  const kafka = await (kind === 'container' ? startInContainer() : startKafka());
  await say({ brokers: kafka.brokers });
  while (isAlive(Number(run))) await sleep(300);
  await kafka.stop();
} catch (error) {
  await say({ trouble: error instanceof Error ? error.message : String(error) });
  while (isAlive(Number(run))) await sleep(300);
} finally {
  await rm(folder, { recursive: true, force: true });
}
