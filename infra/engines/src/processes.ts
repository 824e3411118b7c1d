import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Ends what an earlier Baton left running on a data folder, a whole server or single backends of one that was killed,
 * and clears the way for a new start.
 *
 * They are stopped, not adopted: only a child can be watched. The caller holds the home's lock, so nobody else's server is meant.
 * @throws if they do not go away
 */
export async function endProcessesOn(data: string): Promise<void> {
  const steps: [NodeJS.Signals, number, boolean][] = [
    ['SIGINT', 20_000, true],
    ['SIGQUIT', 5_000, false],
    ['SIGKILL', 5_000, false],
  ];
  for (const [signal, milliseconds, onlyPostmaster] of steps) {
    const found = processesOn(data);
    if (found.length === 0) break;
    const postmaster = postmasterPid(data);
    const told = onlyPostmaster ? found.filter((pid) => pid === postmaster) : found;
    if (told.length === 0) continue;
    told.forEach((pid) => tell(pid, signal));
    await gone(data, milliseconds);
  }
  if (processesOn(data).length > 0) throw new Error(`PostgreSQL processes of an earlier run on ${data} do not end: ${processesOn(data).join(', ')}`);
  clearReusedPid(data);
}

/** Ids of the PostgreSQL processes that work in a data folder (PostgreSQL's processes stand in it). */
export function processesOn(data: string): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((pid) => isPostgres(pid) && (standsIn(pid, data) || wasStartedOn(pid, data)));
}

/** The process id that the folder's `postmaster.pid` names, if there is one. */
export const postmasterPid = (data: string): number | undefined => statusLines(data)?.pid;

/** Whether the server with this process id said that it takes connections. */
export function isReady(data: string, pid: number): boolean {
  const lines = statusLines(data);
  return lines?.pid === pid && lines.status === 'ready';
}

function statusLines(data: string): { pid: number; status: string | undefined } | undefined {
  const lines = reading(() => readFileSync(join(data, 'postmaster.pid'), 'utf8'))?.split('\n');
  return lines ? { pid: Number(lines[0]), status: lines[7]?.trim() } : undefined;
}

/**
 * PostgreSQL refuses to start while the process that its last pid file names is alive. In a container, where ids are small, that is
 * soon some other program. Where that process is gone altogether, PostgreSQL's own, more thorough check is left to it.
 */
function clearReusedPid(data: string): void {
  const pid = postmasterPid(data);
  if (pid !== undefined && reading(() => readFileSync(`/proc/${pid}/comm`)) !== undefined) rmSync(join(data, 'postmaster.pid'), { force: true });
}

const isPostgres = (pid: number): boolean => reading(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) === 'postgres';
const standsIn = (pid: number, folder: string): boolean => reading(() => readlinkSync(`/proc/${pid}/cwd`)) === folder;
const wasStartedOn = (pid: number, folder: string): boolean => reading(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.split('\0').includes(folder) ?? false;

/** Processes come and go, and some are not ours to look at. */
function reading<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

function tell(pid: number, signal: NodeJS.Signals): void {
  reading(() => process.kill(pid, signal));
}

async function gone(data: string, milliseconds: number): Promise<void> {
  for (const end = Date.now() + milliseconds; Date.now() < end && processesOn(data).length > 0; ) await sleep(20);
}
