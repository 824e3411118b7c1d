import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { Trouble } from './exchange.js';
import { ask, holdingProcess, issueOf, nobody, proxyTo, stopAll, talk, textOf, until, upstream } from './proxy.fixture.js';

afterEach(stopAll);

const breaking = () => upstream(({ socket }) => socket.destroy());
const well = (text = 'well') => upstream((incoming, response) => incoming.resume().on('end', () => response.end(text)));

describe('instances of a group', () => {
  it('are asked in turn', async () => {
    const proxy = await proxyTo([(await well('a')).address, (await well('b')).address, (await well('c')).address]);
    const answers: string[] = [];
    for (let n = 0; n < 6; n++) answers.push((await ask(proxy, '/')).text);
    expect(answers.join('')).toBe('abcabc');
  });

  it('that take no connections are passed over for a second, and no client notices, whatever it sends', async () => {
    const away = await nobody();
    const troubles: Trouble[] = [];
    const proxy = await proxyTo([away, (await well()).address], { report: (trouble) => troubles.push(trouble) });
    for (let n = 0; n < 4; n++) expect(await ask(proxy, '/', { method: 'POST' }, 'body')).toMatchObject({ status: 200, text: 'well' });
    expect(troubles).toEqual([{ says: 'an instance takes no connections', group: 'all', address: away, error: 'ECONNREFUSED' }]);
    const back = await upstream((_, response) => response.end('back'), Number(new URL(away).port));
    const began = performance.now();
    await Promise.all([...Array(10).keys()].map(() => ask(proxy, '/')));
    expect([performance.now() - began < 900, back.asked]).toEqual([true, []]);
    await new Promise((done) => setTimeout(done, 1_000));
    expect([(await ask(proxy, '/')).text, (await ask(proxy, '/')).text].sort()).toEqual(['back', 'well']);
    expect(troubles.map(({ says }) => says)).toEqual(['an instance takes no connections', 'an instance answers again']);
  });

  it('are told of once while they are away, however many requests meet them', async () => {
    const troubles: Trouble[] = [];
    const proxy = await proxyTo([await nobody()], { report: (trouble) => troubles.push(trouble) });
    for (let n = 0; n < 5; n++) expect((await ask(proxy, '/')).status).toBe(503);
    expect(troubles).toHaveLength(1);
  });

  it('that rest are asked all the same where there is no other', async () => {
    const away = await nobody();
    const proxy = await proxyTo([away]);
    expect((await ask(proxy, '/')).status).toBe(503);
    await upstream((_, response) => response.end('back'), Number(new URL(away).port));
    expect((await ask(proxy, '/')).text).toBe('back');
  });
});

describe('an instance that breaks off', () => {
  it('killed while it holds a POST: the client is told so once, and nobody gets it again', async () => {
    const [killed, other] = [await holdingProcess(), await well()];
    const proxy = await proxyTo([killed.address, other.address]);
    const asking = ask(proxy, '/fhir/R4/Task', { method: 'POST' }, '{}');
    await until(() => killed.asked.length === 1);
    killed.kill();
    const answer = await asking;
    expect([answer.status, answer.headers['retry-after'], issueOf(answer)]).toEqual([503, '1', { code: 'transient', says: expect.stringContaining('may have been carried out: repeat it with the same Idempotency-Key') }]);
    expect([killed.asked, other.asked]).toEqual([['POST /fhir/R4/Task'], []]);
    expect(await ask(proxy, '/', { method: 'POST' }, '{}')).toMatchObject({ status: 200 });
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('over %s, with a body or without, is never followed by another', async (method) => {
    const [broken, other] = [await breaking(), await well()];
    const proxy = await proxyTo([broken.address, other.address]);
    expect((await ask(proxy, '/', { method })).status).toBe(503);
    expect([broken.asked.length, other.asked.length]).toEqual([1, 0]);
  });

  it.each(['GET', 'HEAD', 'OPTIONS'])('over %s is followed by one other, once', async (method) => {
    const [broken, other] = [await breaking(), await well()];
    expect((await ask(await proxyTo([broken.address, other.address]), '/', { method })).status).toBe(200);
    expect([broken.asked.length, other.asked.length]).toEqual([1, 1]);
    const three = [await breaking(), await breaking(), await well()];
    const answer = await ask(await proxyTo(three.map(({ address }) => address)), '/', { method });
    expect([answer.status, three.map(({ asked }) => asked.length)]).toEqual([503, [1, 1, 0]]);
    if (method === 'GET') expect(issueOf(answer).says).toContain('It changes nothing: repeat it.');
  });

  it('and has no other beside it is not asked again', async () => {
    const broken = await breaking();
    expect([(await ask(await proxyTo([broken.address]), '/')).status, broken.asked.length]).toEqual([503, 1]);
  });

  it.each([['which says its length', { 'content-length': '100' }], ['in chunks', {}]])('in the middle of an answer %s breaks off the client too, and the request is not repeated', async (_how, headers) => {
    const half = await upstream((_, response) => response.writeHead(200, headers).write('half', () => setTimeout(() => response.destroy(), 20)));
    const other = await well();
    const proxy = await proxyTo([half.address, other.address]);
    const sent = request(proxy.address, { agent: false }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    sent.on('error', () => undefined);
    await expect(textOf(answer)).rejects.toThrow();
    expect([half.asked.length, other.asked.length]).toEqual([1, 0]);
  });

  it('in the middle never looks like the end to a client of HTTP/1.0, for which a closed connection is the end', async () => {
    const half = await upstream((_, response) => response.write('half', () => setTimeout(() => response.destroy(), 20)));
    expect(await talk(await proxyTo([half.address]), 'GET / HTTP/1.0\r\n\r\n')).toMatch(/ECONNRESET$/);
  });

  it('while the client still sends is told to the client', async () => {
    const broken = await upstream((incoming) => incoming.once('data', () => incoming.socket.destroy()));
    expect((await ask(await proxyTo([broken.address]), '/', { method: 'POST', headers: { connection: 'close' } }, Buffer.alloc(5_000_000))).status).toBe(503);
  });
});

describe('a service that keeps silent', () => {
  it('is waited for so long, and no other is asked', async () => {
    const [slow, other] = [await upstream(() => undefined), await well()];
    const proxy = await proxyTo([slow.address, other.address], { patienceMs: 200 });
    const [read, , written] = await Promise.all([ask(proxy, '/'), ask(proxy, '/'), ask(proxy, '/', { method: 'POST' }, '{}')]);
    expect([read.status, issueOf(read), other.asked.length]).toEqual([504, { code: 'timeout', says: expect.stringContaining('It changes nothing') }, 1]);
    expect([written.status, issueOf(written)]).toEqual([504, { code: 'timeout', says: expect.stringContaining('may have been carried out') }]);
  });

  it('is not held against a client that sends slowly', async () => {
    const service = await well();
    const sent = request((await proxyTo([service.address], { patienceMs: 200 })).address, { method: 'POST' });
    sent.write('first');
    // Undici's clock is coarse: it looks twice a second.
    await new Promise((done) => setTimeout(done, 1_300));
    sent.end('last');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
  });
});

describe('a client that goes away', () => {
  it('takes its request with it', async () => {
    let gone = false;
    const service = await upstream((_, response) => response.once('close', () => (gone = true)));
    const sent = request((await proxyTo([service.address])).address).end();
    sent.on('error', () => undefined);
    await until(() => service.asked.length === 1);
    sent.destroy();
    await until(() => gone);
  });

  it.each([['in chunks', {}], ['that says its length', { 'content-length': 100 }]])('in the middle of a body %s never looks like one that is finished', async (_how, headers) => {
    const events: string[] = [];
    const service = await upstream((incoming) => {
      for (const name of ['data', 'end', 'aborted']) incoming.on(name, () => events.push(name));
    });
    const sent = request((await proxyTo([service.address])).address, { method: 'POST', headers });
    sent.on('error', () => undefined);
    sent.write('half');
    await until(() => events.includes('data'));
    sent.destroy();
    await until(() => events.includes('aborted'));
    expect(events).toEqual(['data', 'aborted']);
  });

  it('in the middle of an answer ends it', async () => {
    let gone = false;
    const service = await upstream((_, response) => response.once('close', () => (gone = true)).write('half'));
    const sent = request((await proxyTo([service.address])).address).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.on('error', () => undefined);
    sent.destroy();
    await until(() => gone);
  });

  it('or reads slowly slows the service down', async () => {
    let written = 0;
    const service = await upstream((_, response) => {
      const fill = (): void => {
        while (!response.destroyed && written < 200) {
          written++;
          if (!response.write(Buffer.alloc(1_048_576))) return void response.once('drain', fill);
        }
      };
      fill();
    });
    const sent = request((await proxyTo([service.address])).address).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.on('error', () => undefined).pause();
    await new Promise((done) => setTimeout(done, 300));
    expect(written).toBeLessThan(50);
    sent.destroy();
  });
});

describe('a proxy that stops', () => {
  it('lets running requests end, takes no new connections, and closes idle ones', async () => {
    let finish: () => void = () => undefined;
    const service = await upstream(({ url }, response) => void (url === '/held' ? (finish = () => response.end('done')) : response.end()));
    const proxy = await proxyTo([service.address]);
    const idle = request(proxy.address, { headers: { connection: 'keep-alive' } }).end();
    await textOf(((await once(idle, 'response')) as [IncomingMessage])[0]);
    const held = ask(proxy, '/held', { headers: { connection: 'keep-alive' } });
    await until(() => service.asked.includes('GET /held'));
    let stopped = false;
    const stopping = proxy.stop().then(() => (stopped = true));
    await expect(ask(proxy, '/new')).rejects.toThrow('ECONNREFUSED');
    expect(stopped).toBe(false);
    finish();
    expect(await held).toMatchObject({ status: 200, text: 'done', headers: { connection: 'close' } });
    await stopping;
  });

  it('waits for them no longer than its patience', async () => {
    const service = await upstream((_, response) => response.write('for ever'));
    const proxy = await proxyTo([service.address], { patienceMs: 100 });
    const asking = ask(proxy, '/').catch(() => 'broken off');
    await until(() => service.asked.length === 1);
    await proxy.stop();
    expect(await asking).toBe('broken off');
  });
});
