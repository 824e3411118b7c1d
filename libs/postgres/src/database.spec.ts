import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'pg-connection-string';
import { Database } from './database.js';
import { statement } from './statement.js';

const cluster = process.env['BATON_TEST_ADMIN_DSN']!;
const ONE = statement('SELECT 1 AS one');

/** What a backend says whose postmaster was killed. */
const FATAL = ((): Buffer => {
  const fields = Buffer.from('SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0');
  const head = Buffer.from('E\0\0\0\0');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
})();
const READY = Buffer.from('Z\0\0\0\x05I');

describe('The connections of a service', () => {
  let folder: string;
  let front: Server;
  let database: Database;
  /** PostgreSQL dies as soon as it has taken a new connection: both come in one piece. */
  let dying = false;

  const passOn = (client: Socket): void => {
    const { host, port } = parse(cluster);
    const server = host?.startsWith('/') ? connect(join(host, `.s.PGSQL.${port ?? 5432}`)) : connect(Number(port ?? 5432), host ?? '127.0.0.1');
    client.pipe(server);
    server.on('data', (chunk: Buffer) => {
      if (dying && chunk.subarray(-READY.length).equals(READY)) client.end(Buffer.concat([chunk, FATAL]));
      else client.write(chunk);
    });
    for (const [one, other] of [[client, server], [server, client]] as const) one.on('error', () => undefined).on('close', () => other.destroy());
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'baton-front-'));
    front = createServer(passOn).listen(join(folder, '.s.PGSQL.5432'));
    await once(front, 'listening');
    const { user, password, database: name } = parse(cluster);
    database = await Database.open({ dsn: `postgres://${user}:${encodeURIComponent(password ?? '')}@/${name}?host=${folder}&port=5432`, schema: 'public' });
  });
  afterAll(async () => {
    await database?.close();
    front.close();
    await rm(folder, { recursive: true });
  });

  it('may be lost in the instant in which they are made: what was asked fails, and nothing else', async () => {
    dying = true;
    const asked = await Promise.allSettled(Array.from({ length: 4 }, () => database.query(ONE)));
    expect(asked.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
    dying = false;
    expect(await database.query(ONE)).toEqual([{ one: 1 }]);
  });
});
