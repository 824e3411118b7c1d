import { readdir, readFile } from 'node:fs/promises';

/** A running process, as the kernel tells of it. Linux only. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** User and system time, seconds, without children. */
  readonly cpuSeconds: number;
  /** The same of children that ended and were waited for. */
  readonly endedChildrenSeconds: number;
}

const TICKS_PER_SECOND = 100;

/** Reads `/proc/<pid>/stat`. The name stands in parentheses and may hold anything. */
export function processOf(stat: string): Process {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (place: number): number => Number(fields[place]) / TICKS_PER_SECOND;
  return { pid: Number.parseInt(stat, 10), parent: Number(fields[1]), cpuSeconds: ticks(11) + ticks(12), endedChildrenSeconds: ticks(13) + ticks(14) };
}

/** A process and everything it started. */
export async function familyOf(pid: number): Promise<Process[]> {
  const all = (await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map((name) => readFile(`/proc/${name}/stat`, 'utf8').then(processOf, () => undefined)))).filter((each) => each !== undefined);
  const family = all.filter((each) => each.pid === pid);
  for (let at = 0; at < family.length; at++) family.push(...all.filter(({ parent }) => parent === family[at]!.pid));
  return family;
}

/** CPU seconds of Baton since it started: its own process, and PostgreSQL with all backends. */
export interface Cpu {
  readonly node: number;
  readonly postgres: number;
}

export async function cpuOf(pid: number): Promise<Cpu> {
  const [own, ...below] = await familyOf(pid);
  return { node: own?.cpuSeconds ?? 0, postgres: below.reduce((sum, { cpuSeconds, endedChildrenSeconds }) => sum + cpuSeconds + endedChildrenSeconds, 0) };
}

export const since = (before: Cpu, now: Cpu): Cpu => ({ node: now.node - before.node, postgres: now.postgres - before.postgres });

/** Megabytes of a process and everything it started. Memory that PostgreSQL's processes share is counted once in `pss`, by each in `rss`. */
export interface Memory {
  readonly processes: number;
  readonly rss: number;
  /** Not there where the kernel does not let us look. */
  readonly pss: number | undefined;
  /** Of Baton's own process. */
  readonly nodeRss: number;
}

export async function memoryOf(pid: number): Promise<Memory> {
  const family = await familyOf(pid);
  const rolled = await Promise.all(family.map((each) => readFile(`/proc/${each.pid}/smaps_rollup`, 'utf8').catch(() => undefined)));
  const statuses = await Promise.all(family.map((each) => readFile(`/proc/${each.pid}/status`, 'utf8').catch(() => '')));
  const rss = statuses.map((status) => megabytes(status, 'VmRSS'));
  const sum = (values: readonly number[]): number => Math.round(values.reduce((a, b) => a + b, 0));
  return {
    processes: family.length,
    rss: sum(rss),
    pss: rolled.includes(undefined) ? undefined : sum(rolled.map((text) => megabytes(text!, 'Pss'))),
    nodeRss: Math.round(rss[0] ?? 0),
  };
}

const megabytes = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
