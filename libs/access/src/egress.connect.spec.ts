import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { checkEndpointUrl, EgressRefused, guardedConnector, type Resolve } from './egress.connect.js';
import { egressPolicy } from './egress.js';

const open = egressPolicy({});
const loopback = egressPolicy({ BATON_EGRESS_ALLOW: '127.0.0.0/8' });

/** A name server that gives one list of addresses after the other, the last one for ever. */
function names(...answers: string[][]): Resolve & { asked: number } {
  const resolve = Object.assign(
    (_hostname: string, _options: unknown, done: Parameters<Resolve>[2]): void => {
      const addresses = answers[Math.min(resolve.asked++, answers.length - 1)]!;
      if (addresses.length === 0) done(new Error('ENOTFOUND'), []);
      else done(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
    },
    { asked: 0 },
  );
  return resolve;
}

let server: Server;
let port: number;
let hits = 0;
let pools: Pool[] = [];

beforeAll(async () => {
  server = createServer((_, response) => {
    hits++;
    response.end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  port = (server.address() as AddressInfo).port;
});

beforeEach(() => {
  hits = 0;
});

afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.destroy()));
  pools = [];
});

afterAll(() => server.close());

async function get(origin: string, connect: ReturnType<typeof guardedConnector>): Promise<number | string> {
  const pool = new Pool(origin, { connect });
  pools.push(pool);
  return pool.request({ path: '/', method: 'GET', headers: { connection: 'close' } }).then(
    ({ statusCode }) => statusCode,
    (error: unknown) => (error instanceof EgressRefused ? error.rule : String(error)),
  );
}

describe('a guarded connection', () => {
  it('reaches an allowed network, by address and by name', async () => {
    expect(await get(`http://127.0.0.1:${port}`, guardedConnector(loopback))).toBe(200);
    expect(await get(`http://hooks.example:${port}`, guardedConnector(loopback, { resolve: names(['127.0.0.1']) }))).toBe(200);
    expect(hits).toBe(2);
  });

  it.each(['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', '[::1]', 'localhost'])('to %s is not made where nothing is allowed', async (host) => {
    expect(await get(`http://${host}:${port}`, guardedConnector(open))).toBe('endpoint-address-not-public');
    expect(await get(`https://${host}:${port}`, guardedConnector(open))).toBe('endpoint-address-not-public');
    expect(hits).toBe(0);
  });

  it('is judged anew each time a name is resolved', async () => {
    const resolve = names(['127.0.0.1'], ['10.0.0.1']);
    const connect = guardedConnector(loopback, { resolve });
    expect(await get(`http://hooks.example:${port}`, connect)).toBe(200);
    expect(await get(`http://hooks.example:${port}`, connect)).toBe('endpoint-address-not-public');
  });

  it('goes to the address that was judged: the name is asked once', async () => {
    const resolve = names(['127.0.0.1'], ['10.0.0.1']);
    expect(await get(`http://hooks.example:${port}`, guardedConnector(loopback, { resolve }))).toBe(200);
    expect(resolve.asked).toBe(1);
  });

  it('takes only the allowed among several addresses', async () => {
    expect(await get(`http://hooks.example:${port}`, guardedConnector(loopback, { resolve: names(['::1', '10.0.0.1', '127.0.0.1']) }))).toBe(200);
  });

  it('of a public name without TLS is not made', async () => {
    expect(await get(`http://hooks.example:${port}`, guardedConnector(loopback, { resolve: names(['8.8.8.8']) }))).toBe('endpoint-not-https');
  });

  it('through a socket file is not made', async () => {
    const refused = await new Promise((done) => guardedConnector(loopback)({ hostname: 'x', protocol: 'http:', port: '', socketPath: '/tmp/x' }, (...answer) => done(answer[0])));
    expect(refused).toBeInstanceOf(EgressRefused);
  });
});

describe('registering an endpoint', () => {
  const rulesOf = async (url: string, policy = open, ...answers: string[][]): Promise<string[]> =>
    (await checkEndpointUrl(url, policy, { at: 'Subscription.channel.endpoint', resolve: names(...answers) })).map(({ rule }) => rule);

  it('asks where its name leads', async () => {
    expect(await rulesOf('https://hooks.example/', open, ['8.8.8.8'])).toEqual([]);
    expect(await rulesOf('https://hooks.example/', open, ['10.0.0.1'])).toEqual(['endpoint-address-not-public']);
    expect(await rulesOf('http://hooks.example:9000/', loopback, ['127.0.0.1'])).toEqual([]);
    expect(await rulesOf('http://hooks.example/', loopback, ['8.8.8.8'])).toEqual(['endpoint-not-https']);
  });

  it('leaves an https name that does not resolve to the handshake, and refuses a plain one', async () => {
    expect(await rulesOf('https://hooks.example/', open, [])).toEqual([]);
    expect(await rulesOf('http://hooks.example/', loopback, [])).toEqual(['endpoint-not-https']);
  });

  it('does not wait for ever for a name server', async () => {
    expect(await checkEndpointUrl('https://hooks.example/', open, { resolve: () => undefined, timeoutMs: 10 })).toEqual([]);
  });

  it('says where and what is wrong, without the address', async () => {
    expect(await checkEndpointUrl('https://10.0.0.1/', open, { at: 'Subscription.channel.endpoint' })).toEqual([
      { rule: 'endpoint-address-not-public', says: 'The endpoint must be reachable at a public address.', at: ['Subscription.channel.endpoint'] },
    ]);
  });
});
