import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CACHE } from './cache.js';
import { readPacketRules, restorePacketRules, type PacketRules } from './firewall.js';
import { run } from './programs.js';

const FOLDER = join(CACHE, 'docker');
const PID = join(FOLDER, 'pid');
const RULES = join(FOLDER, 'packet-rules.json');
const READY_WITHIN_MS = 30_000;
const STOPPED_WITHIN_MS = 60_000;

/** Where our own engine listens while it runs. Its images stay in this folder for the next time. */
export const OUR_DOCKER_HOST = `unix://${join(FOLDER, 'docker.sock')}`;

export const answers = async (host?: string): Promise<boolean> =>
  (await run('docker', ['version', '--format', '{{.Server.Version}}'], { timeoutMs: 10_000, ...(host === undefined ? {} : { env: { DOCKER_HOST: host } }) })).code === 0;

/**
 * Starts an engine of our own, whatever the machine's may be set to: its folder, its socket. It outlives this process until it is stopped.
 * @throws with the end of its log
 */
export async function startDaemon(): Promise<void> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 });
  await writeFile(RULES, JSON.stringify(await readPacketRules()));
  await writeFile(join(FOLDER, 'daemon.json'), '{}');
  const log = openSync(join(FOLDER, 'log'), 'w');
  const place = (name: string) => join(FOLDER, name);
  const args = ['--config-file', place('daemon.json'), '--host', OUR_DOCKER_HOST, '--data-root', place('data'), '--exec-root', place('exec'), '--pidfile', PID, '--bridge', 'none'];
  const child = spawn('dockerd', args, { detached: true, stdio: ['ignore', log, log] });
  child.on('error', () => undefined);
  child.unref();
  for (const deadline = Date.now() + READY_WITHIN_MS; !(await answers(OUR_DOCKER_HOST)); await sleep(200)) {
    if (child.exitCode === null && Date.now() < deadline) continue;
    await stopDaemon();
    throw new Error(`dockerd did not start:\n${(await readFile(join(FOLDER, 'log'), 'utf8')).trim().split('\n').slice(-5).join('\n')}`);
  }
}

/** Stops it, and takes back what it changed of the machine: packet rules, forwarding, mounts. */
export async function stopDaemon(): Promise<void> {
  const pid = existsSync(PID) ? Number(await readFile(PID, 'utf8')) : 0;
  if (isOurs(pid)) process.kill(pid, 'SIGTERM');
  for (const deadline = Date.now() + STOPPED_WITHIN_MS; isOurs(pid) && Date.now() < deadline; ) await sleep(100);
  if (isOurs(pid)) process.kill(pid, 'SIGKILL');
  for (const mount of mountsUnder(`${FOLDER}/`)) await run('umount', [mount]);
  if (!existsSync(RULES)) return;
  await restorePacketRules(JSON.parse(await readFile(RULES, 'utf8')) as PacketRules);
  await rm(RULES);
}

/** The file may be old, and its number somebody else's by now. */
const isOurs = (pid: number): boolean => {
  try {
    return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(FOLDER);
  } catch {
    return false;
  }
};

/** The innermost first. */
const mountsUnder = (folder: string): string[] => readFileSync('/proc/self/mounts', 'utf8').split('\n').map((line) => line.split(' ')[1] ?? '').filter((mount) => mount.startsWith(folder)).sort().reverse();
