import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { ask, issueOf, nobody, proxyTo, stopAll, talk, textOf, until, upstream } from './proxy.fixture.js';
import { startProxy } from './proxy.js';

afterEach(stopAll);

const FIVE_MB = Buffer.alloc(5 * 1_048_576, 'baton');

describe('a request', () => {
  it('goes to the instance of its route, and any other to the group for the rest', async () => {
    const [task, rest] = [await upstream((_, response) => response.end('task')), await upstream((_, response) => response.end('rest'))];
    const proxy = await proxyTo([rest.address], { routes: [{ prefix: '/fhir/R4/Task', to: 'tasks' }], upstreams: { tasks: [task.address], all: [rest.address] } });
    expect([(await ask(proxy, '/fhir/R4/Task/1')).text, (await ask(proxy, '/fhir/R4/TaskX')).text]).toEqual(['task', 'rest']);
  });

  it('keeps its method and its path with query, byte for byte', async () => {
    const service = await upstream((_, response) => response.end());
    const proxy = await proxyTo([service.address]);
    const paths = ['/a/../b//c/%2e%2E/%zz;x', '/%7Euser/~?q=%E0%A4%A&q=a+b&&=', '/fhir/R4/Patient/$everything?_since=2026-01-01T00:00:00%2B00:00'];
    for (const path of paths) await talk(proxy, `PATCH ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(service.asked).toEqual(paths.map((path) => `PATCH ${path}`));
  });

  it('by its whole address asks for the path of it', async () => {
    let host: string | undefined;
    const service = await upstream(({ headers }, response) => response.end(void (host = headers.host)));
    await talk(await proxyTo([service.address]), 'GET http://baton.example/fhir?x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n');
    expect([service.asked, host]).toEqual([['GET /fhir?x'], 'baton.example']);
  });

  it('keeps its headers, several of one name too; those between neighbours go no further', async () => {
    let raw: string[] = [];
    const service = await upstream(({ rawHeaders }, response) => response.end(void (raw = rawHeaders)));
    await talk(await proxyTo([service.address]), 'GET / HTTP/1.1\r\nHost: baton.example\r\nX-Several: a\r\nx-several: b\r\nX-Request-Id: r-1\r\nX-Latin: \u00e9\r\nTE: trailers\r\nKeep-Alive: timeout=1\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nX-Mine: 1\r\nConnection: close, X-Mine\r\n\r\n');
    expect(raw.join('|')).toBe('host|baton.example|connection|keep-alive|X-Several|a|x-several|b|X-Request-Id|r-1|X-Latin|\u00e9|x-forwarded-host|baton.example|x-forwarded-for|127.0.0.1|x-forwarded-proto|http|via|1.1 baton');
  });

  it('says where it comes from as the proxy sees it, whatever it claims', async () => {
    let seen: IncomingMessage['headers'] = {};
    const service = await upstream(({ headers }, response) => response.end(void (seen = headers)));
    await ask(await proxyTo([service.address]), '/', { headers: { host: 'baton.example', 'x-forwarded-for': '10.0.0.1', 'X-Forwarded-Proto': 'https', 'x-forwarded-host': 'evil', 'x-forwarded-port': '1', forwarded: 'for=10.0.0.1', 'x-real-ip': '10.0.0.1' } });
    expect(Object.entries(seen).filter(([name]) => /forwarded|real/.test(name))).toEqual([['x-forwarded-host', 'baton.example'], ['x-forwarded-for', '127.0.0.1'], ['x-forwarded-proto', 'http']]);
  });

  it('with a body is passed on while it comes', async () => {
    const parts: string[] = [];
    const service = await upstream((incoming, response) => incoming.on('data', (part: Buffer) => parts.push(part.toString())).on('end', () => response.end()));
    const sent = request((await proxyTo([service.address])).address, { method: 'POST' });
    sent.write('first');
    await until(() => parts.length === 1);
    sent.end('last');
    await once(sent, 'response');
    expect(parts).toEqual(['first', 'last']);
  });

  it.each([['which says its length', { 'content-length': FIVE_MB.length }], ['in chunks', {}], ['which waits for leave', { expect: '100-continue' }]])('and its answer may have 5 MB, %s', async (_how, headers) => {
    const service = await upstream((incoming, response) => incoming.pipe(response.writeHead(201)));
    const answer = await ask(await proxyTo([service.address]), '/', { method: 'POST', headers }, FIVE_MB);
    expect([answer.status, Buffer.from(answer.text, 'latin1').equals(FIVE_MB)]).toEqual([201, true]);
  });

  it('that waits for leave to send gets it once an instance takes it', async () => {
    const service = await upstream((incoming, response) => incoming.resume().on('end', () => response.end()));
    const sent = request((await proxyTo([await nobody(), service.address])).address, { method: 'POST', headers: { expect: '100-continue' } });
    sent.flushHeaders();
    await once(sent, 'continue');
    sent.end('body');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect([answer.statusCode, service.asked.length]).toEqual([200, 1]);
  });

  it('that waits for leave to send, and is refused, ends its connection: what follows could be its body', async () => {
    const heard = await talk(await proxyTo([await nobody()]), 'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    expect(heard).toMatch(/^HTTP\/1.1 503 [^]*\r\nConnection: close\r\n/);
  });
});

describe('an answer', () => {
  it('keeps its status, its words, and its headers, several of one name too; those between neighbours go no further', async () => {
    const service = await upstream((_, response) => response.writeHead(418, 'Short And Stout', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Request-Id', 'r-1', 'X-Latin', '\u00e9', 'X-Mine', '1', 'Connection', 'close, X-Mine', 'Date', 'then', 'Content-Length', '3']).end(Buffer.from('tea')));
    const heard = await talk(await proxyTo([service.address]), 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(heard).toBe('HTTP/1.1 418 Short And Stout\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Request-Id: r-1\r\nX-Latin: \u00e9\r\nDate: then\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntea');
  });

  it('is passed on while it comes', async () => {
    let end: () => void = () => undefined;
    const service = await upstream((_, response) => {
      response.write('first');
      end = () => response.end('last');
    });
    const sent = request((await proxyTo([service.address])).address).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const [first] = await once(answer, 'data');
    end();
    expect([String(first), await textOf(answer)]).toEqual(['first', 'last']);
  });

  it.each([
    ['HEAD', 200, '5', ''],
    ['GET', 204, undefined, ''],
    ['GET', 304, undefined, ''],
    ['GET', 200, '5', 'hello'],
  ])('to %s with %i has the body it should have, and the connection goes on', async (method, status, length, text) => {
    const service = await upstream((_, response) => response.writeHead(status, length ? { 'content-length': length } : {}).end(text));
    const proxy = await proxyTo([service.address]);
    const answers = [await ask(proxy, '/1', { method, agent: undefined }), await ask(proxy, '/2', { method, agent: undefined })];
    expect(answers.map((answer) => [answer.status, answer.headers['content-length'], answer.text])).toEqual([[status, length, text], [status, length, text]]);
  });

  it('comes in no chunks to a client of HTTP/1.0, and ends with the connection', async () => {
    const service = await upstream((_, response) => {
      response.write('first ');
      response.end('last');
    });
    const heard = await talk(await proxyTo([service.address]), 'GET / HTTP/1.0\r\n\r\n');
    expect(heard).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nfirst last$/);
    expect(heard).not.toMatch(/transfer-encoding/i);
  });
});

describe('a body that the service refuses', () => {
  const CHUNK = Buffer.alloc(65_536, 'a');
  const refusing = () =>
    upstream((incoming, response) => {
      let bytes = 0;
      incoming.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > 1_000_000 && !response.headersSent) response.writeHead(413, { connection: 'close', 'content-length': 3 }).end('big');
      });
    });

  it.each([['chunked', {}], ['on a connection that goes on', { 'content-length': 7_000_000, connection: 'keep-alive' }], ['on a connection that ends', { 'content-length': 7_000_000, connection: 'close' }]])('is refused to the client, which still sends, %s', async (_how, headers) => {
    const proxy = await proxyTo([(await refusing()).address]);
    for (let round = 0; round < 5; round++) expect(await ask(proxy, '/', { method: 'POST', headers }, Buffer.alloc(7_000_000))).toMatchObject({ status: 413, text: 'big' });
  });

  it('before the client has sent much reaches it at once', async () => {
    const sent = request((await proxyTo([(await refusing()).address])).address, { method: 'POST', headers: { 'content-length': 50_000_000 } });
    sent.on('error', () => undefined);
    for (let n = 0; n < 20; n++) sent.write(CHUNK);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect([answer.statusCode, await textOf(answer)]).toEqual([413, 'big']);
    sent.destroy();
  });
});

describe('what could be read in two ways', () => {
  it.each([
    ['a length and chunks', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde', 400],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['a coding that is not known', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501],
    ['a space before a colon', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nabcd', 400],
    ['a bare line feed', 'GET / HTTP/1.1\nHost: x\n\n', 400],
    ['a chunk of no size', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 400],
    ['a target that is no path', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['a head beyond measure', `GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ])('%s: is refused, and the connection ends', async (_what, text, status) => {
    let ended = 0;
    const service = await upstream((incoming, response) => incoming.resume().on('end', () => response.end(void ended++)));
    const heard = await talk(await proxyTo([service.address]), `${text}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*connection: close[^]*$`, 'i'));
    expect([heard.match(/HTTP\/1.1/g)!.length, ended, service.asked.filter((what) => /smuggled/.test(what))]).toEqual([1, 0, []]);
  });
});

describe('how the proxy fares', () => {
  it('is told at /health/live by itself', async () => {
    const answer = await ask(await proxyTo([await nobody()]), '/health/live');
    expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']);
  });

  it('is told at /health/ready: of every group one instance must be ready; else the groups are named', async () => {
    const ready = await upstream(({ url }, response) => response.writeHead(url === '/health/ready' ? 200 : 404).end());
    const failing = await upstream((_, response) => response.writeHead(503).end());
    const silent = await upstream(() => undefined);
    const upstreams = { gateway: [failing.address, ready.address], referrals: [failing.address, await nobody()], episodes: [silent.address] };
    const proxy = await proxyTo([], { upstreams, otherwise: 'gateway' });
    const began = performance.now();
    const answer = await ask(proxy, '/health/ready?x');
    expect([answer.status, JSON.parse(answer.text)]).toEqual([503, { status: 'failing', failing: ['referrals', 'episodes'] }]);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect((await ask(await proxyTo([await nobody(), ready.address]), '/health/ready')).status).toBe(200);
  });

  it('begins with groups that have instances, or not at all', async () => {
    await expect(startProxy({ host: '127.0.0.1', port: 0, routes: [{ prefix: '/x', to: 'one' }], upstreams: { two: [] }, otherwise: 'two' })).rejects.toThrow('No instances of one, two');
  });

  it('does not keep it from answering HTTP as an OperationOutcome when nothing else can', async () => {
    const answer = await ask(await proxyTo([await nobody()]), '/fhir', { headers: { 'x-request-id': 'r-1' } });
    expect([answer.status, answer.headers['retry-after'], answer.headers['x-request-id'], issueOf(answer)]).toEqual([503, '1', 'r-1', { code: 'transient', says: expect.stringContaining('Nothing was sent') }]);
  });
});
