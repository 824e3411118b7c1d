import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive, oneAtATime } from './folder-lock.js';
import { withAdmin } from './admin.js';
import { kafkaForTests } from './for-tests.js';
import { startKafka } from './start-kafka.js';
import { KafkaUnavailable } from './unavailable.js';
import { findJava } from './programs.js';
import { findJars } from './jars.js';

const kafka = await kafkaForTests();

async function gone(check: () => boolean, within = 15_000): Promise<boolean> {
  for (const deadline = Date.now() + within; check(); await sleep(50)) if (Date.now() > deadline) return false;
  return true;
}

/** Runs something with other variables, and puts them back. */
async function withEnvironment<T>(values: Record<string, string | undefined>, work: () => Promise<T>): Promise<T> {
  const before = Object.fromEntries(Object.keys(values).map((name) => [name, process.env[name]]));
  const set = (all: Record<string, string | undefined>): void => Object.entries(all).forEach(([name, value]) => (value === undefined ? delete process.env[name] : (process.env[name] = value)));
  set(values);
  try {
    return await work();
  } finally {
    set(before);
  }
}

(kafka?.from === 'local broker' ? describe : describe.skip)('Local Kafka brokers', () => {
  it('end with the process that started them, and their data with them, even when that is killed', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./held-kafka.fixture.js', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const { pids, folder } = JSON.parse(line) as { pids: number[]; folder: string };
    expect(pids.every(isAlive) && existsSync(folder)).toBe(true);
    child.kill('SIGKILL');
    expect(await gone(() => pids.some((pid) => isAlive(pid) && !isZombie(pid)))).toBe(true);
    expect(await gone(() => existsSync(folder))).toBe(true);
  }, 120_000);

  it('are started again on their data when somebody kills them, if that is wished, and stay down when they are asked to end', async () => {
    const said: string[] = [];
    const local = await startKafka({ restarts: (says) => said.push(says) });
    try {
      const topics = (): Promise<string[]> => withAdmin(local.brokers, (admin) => admin.listTopics());
      await withAdmin(local.brokers, (admin) => admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }], waitForLeaders: true }));
      const [before] = local.pids;
      process.kill(before!, 'SIGKILL');
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(250)) if (local.pids[0] !== before && (await topics().catch((): string[] => [])).includes('kept')) break;
      expect([said, await topics()]).toEqual([['broker 1 ended and is started again'], ['kept']]);
      await local.kill(1);
      await sleep(1_500);
      expect(local.pids).toEqual([undefined]);
    } finally {
      await local.stop();
    }
  }, 120_000);
});

const isZombie = (pid: number): boolean => {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe('What is missing', () => {
  it('is named, with the way out: java', async () => {
    const looking = withEnvironment({ PATH: '/nowhere', JAVA_HOME: undefined }, findJava);
    await expect(looking).rejects.toThrow(KafkaUnavailable);
    await expect(looking).rejects.toThrow(/java was not found.*KAFKA_BROKERS=/);
  });

  it('is named, with the way out: mvn', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'baton-cache-'));
    try {
      const looking = withEnvironment({ PATH: '/nowhere', XDG_CACHE_HOME: cache, BATON_KAFKA_JARS: undefined }, findJars);
      await expect(looking).rejects.toThrow(/mvn was not found.*BATON_KAFKA_JARS.*KAFKA_BROKERS=/);
    } finally {
      rmSync(cache, { recursive: true });
    }
  });

  it('is named, with the way out: jars in the folder that was said to hold them', async () => {
    await expect(withEnvironment({ BATON_KAFKA_JARS: '/nowhere' }, findJars)).rejects.toThrow(/BATON_KAFKA_JARS names \/nowhere/);
  });
});

describe('A folder lock', () => {
  it('lets one in at a time, and is taken over from an owner that is gone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'baton-lock-'));
    const lock = join(folder, 'lock');
    try {
      let inside = 0;
      let most = 0;
      const work = async (): Promise<void> => {
        most = Math.max(most, ++inside);
        await sleep(20);
        inside--;
      };
      await Promise.all([oneAtATime(lock, work), oneAtATime(lock, work), oneAtATime(lock, work)]);
      expect(most).toBe(1);
      const dead = spawn(process.execPath, ['-e', `const fs=require('fs');fs.mkdirSync(${JSON.stringify(lock)});fs.writeFileSync(${JSON.stringify(join(lock, 'pid'))},String(process.pid))`]);
      await once(dead, 'exit');
      await expect(oneAtATime(lock, async () => 'in')).resolves.toBe('in');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
