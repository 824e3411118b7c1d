import { createServer, type AddressInfo } from 'node:net';

/** A TCP port of the loopback address that nobody listened on a moment ago. Where the server can choose itself (port 0), let it. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
