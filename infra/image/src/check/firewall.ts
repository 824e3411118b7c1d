import { readFile, writeFile } from 'node:fs/promises';
import { run } from './programs.js';

const TABLES = ['filter', 'nat'] as const;
const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

/** How packets are let through: rules by table, as `iptables -S` writes them, and whether the machine forwards any. */
export interface PacketRules {
  readonly tables: Readonly<Record<string, readonly string[]>>;
  readonly forwarding: string;
}

export async function readPacketRules(): Promise<PacketRules> {
  const tables: Record<string, string[]> = {};
  for (const table of TABLES) tables[table] = (await run('iptables', ['-t', table, '-S'])).out.split('\n').filter(Boolean);
  return { tables, forwarding: (await readFile(FORWARDING, 'utf8')).trim() };
}

/** What an engine leaves of its own when it has stopped: to be undone in this order. Rules of others stay, whenever they were made. */
export function leftovers(before: readonly string[], after: readonly string[]): string[][] {
  const isNew = (line: string) => !before.includes(line);
  const docker = after.filter((line) => isNew(line) && /docker/i.test(line));
  const chains = docker.filter((line) => line.startsWith('-N ')).map((line) => line.slice(3));
  const policies = before.filter((line) => line.startsWith('-P FORWARD ') && !after.includes(line));
  const jumps = docker.filter((line) => line.startsWith('-A ') && !chains.includes(line.split(' ')[1]!));
  return [...policies.map((line) => line.split(' ')), ...jumps.map((line) => ['-D', ...line.slice(3).split(' ')]), ...chains.map((chain) => ['-F', chain]), ...chains.map((chain) => ['-X', chain])];
}

/** Undoes what an engine that has stopped changed. */
export async function restorePacketRules({ tables, forwarding }: PacketRules): Promise<void> {
  const after = await readPacketRules();
  for (const table of TABLES) for (const command of leftovers(tables[table] ?? [], after.tables[table] ?? [])) await run('iptables', ['-t', table, ...command]);
  if (after.forwarding !== forwarding) await writeFile(FORWARDING, forwarding);
}
