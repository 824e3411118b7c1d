import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { HOST } from './settings.js';

/** Below the range from which systems give ports to outgoing connections, so that none of these takes one before the broker does. */
const RANGE = [15_000, 29_000] as const;

/** Whether somebody could listen on a port of the loopback address just now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Different free ports. Somebody else may still take one before it is used. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(...RANGE);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}
