import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const OWNER = 'pid';
/** A lock folder without an owner's name is somebody's who is just making it, or died in between. */
const NAMELESS_MS = 2000;

/**
 * Does something that processes of one machine may only do one after the other. A lock whose owner is gone is taken over.
 * @param lock a folder that does not exist while nobody does it
 */
export async function oneAtATime<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (let nameless = 0; !(await take(lock)); await sleep(100)) {
    const owner = Number(await readFile(join(lock, OWNER), 'utf8').catch(() => '0'));
    nameless = owner > 0 ? 0 : nameless + 100;
    if (owner > 0 ? !isAlive(owner) : nameless > NAMELESS_MS) await rm(lock, { recursive: true, force: true });
  }
  try {
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await writeFile(join(lock, OWNER), String(process.pid));
  return true;
}

/** Whether a process with this id lives (also one that is not ours). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
