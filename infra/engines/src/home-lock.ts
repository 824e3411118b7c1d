import { createHash } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';

/** Another process runs on the same home. */
export class HomeInUse extends Error {
  override readonly name = 'HomeInUse';

  constructor(home: string, pid: string | undefined) {
    super(`Another Baton ${pid === undefined ? '' : `(process ${pid}) `}is using ${home}. Stop it first, or give this one a home of its own: BATON_HOME=…`);
  }
}

/**
 * Takes a home for this process. The lock is a name in the kernel (an abstract socket), which goes away with the process,
 * however it ends: nothing stale is left to clean up. It does not reach across machines or network namespaces.
 * @returns gives it back
 * @throws HomeInUse, naming the process that has it
 */
export async function lockHome(home: string): Promise<() => Promise<void>> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const { dev, ino } = await stat(home);
  const name = `\0baton-home-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)}`;
  const server = createServer((asking) => asking.on('error', () => undefined).end(String(process.pid)));
  try {
    await listen(server, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw new HomeInUse(home, await holderOf(name));
    throw error;
  }
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, resolve);
  });

const holderOf = (path: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    let said = '';
    const socket = createConnection({ path });
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(/^\d+$/.test(said) ? said : undefined));
  });
