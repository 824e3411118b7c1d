import { existsSync, readFileSync } from 'node:fs';
import { run, succeed } from './programs.js';

const PACKAGES = ['docker.io', 'docker-compose', 'debootstrap'];

/** Capabilities without which no container can be made: CAP_NET_ADMIN, CAP_SYS_ADMIN. */
const NEEDED = [12n, 21n];

/** Whether a container engine can run here at all: we are root with the rights for it, on Linux. */
export function mayRunAnEngine(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  return NEEDED.every((bit) => (held >> bit) & 1n);
}

/** `bookworm` on Debian; undefined elsewhere. */
export function debianRelease(): string | undefined {
  if (!existsSync('/etc/os-release')) return undefined;
  const text = readFileSync('/etc/os-release', 'utf8');
  return /^ID=debian$/m.test(text) ? /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] : undefined;
}

/** The archive that apt is set up with. */
export async function debianMirror(): Promise<string> {
  const { out } = await run('apt-get', ['indextargets', '--format', '$(SITE) $(CODENAME)', 'Created-By: Packages']);
  const release = debianRelease();
  return out.split('\n').map((line) => line.split(' ')).find(([, codename]) => codename === release)?.[0] ?? 'http://deb.debian.org/debian';
}

/** @returns false where apt reaches no archive @throws ProgramFailed if they are there and cannot be installed */
export async function installPackages(signal?: AbortSignal): Promise<boolean> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  if ((await run('apt-get', ['update', '-q'], { env, signal })).code !== 0) return false;
  await succeed('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...PACKAGES], { env, signal });
  return true;
}
