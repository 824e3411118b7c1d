// What the proxy costs: requests a second of a trivial server, asked directly and through the proxy, by 8 connections; each of the three is
// a process of its own; and the processor time the proxy takes for each. After `npm run build`:
//   node infra/proxy/measure.mjs [seconds]
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';

const CONNECTIONS = 8;
const BODY = JSON.stringify({ resourceType: 'Patient', note: 'x'.repeat(1_000) });

const roles = {
  async upstream() {
    const server = createServer((request, response) => request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/fhir+json', 'content-length': BODY.length }).end(BODY)));
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${server.address().port}`;
  },
  async proxy(upstream) {
    const { startProxy } = await import('@baton/proxy');
    const proxy = await startProxy({ host: '127.0.0.1', port: 0, routes: [{ prefix: '/fhir/R4/Task', to: 'b' }], upstreams: { a: [upstream], b: [upstream] }, otherwise: 'a' });
    return proxy.address;
  },
};

/** Requests so far. */
let asked = 0;

const [, , role, argument] = process.argv;
if (role in roles) {
  process.on('message', () => process.send(process.cpuUsage()));
  process.send(await roles[role](argument));
} else {
  const seconds = Number(role ?? 5);
  const children = [];
  const start = (...args) => {
    const child = fork(fileURLToPath(import.meta.url), args);
    children.push(child);
    return said(child);
  };
  const upstream = await start('upstream');
  const proxy = await start('proxy', upstream);
  for (const method of ['GET', 'POST']) {
    await rate(upstream, method, 1);
    await rate(proxy, method, 1);
    // In turns, so that a busy machine is busy for both.
    const rates = { direct: [], proxied: [] };
    const began = await busy(children[1]);
    let ofProxy = 0;
    for (let round = 0; round < 3; round++) {
      rates.direct.push(await rate(upstream, method, seconds));
      const before = asked;
      rates.proxied.push(await rate(proxy, method, seconds));
      ofProxy += asked - before;
    }
    const micros = Math.round(((await busy(children[1])) - began) / ofProxy);
    const [direct, proxied] = [median(rates.direct), median(rates.proxied)];
    console.log(`${method}: directly ${direct}/s, through the proxy ${proxied}/s, ratio ${(proxied / direct).toFixed(2)}; ${micros} µs of the proxy's processor time each`);
  }
  children.forEach((child) => child.kill());
}

function said(child) {
  return new Promise((heard) => child.once('message', heard));
}

/** Processor time that a process has taken, in µs. */
async function busy(child) {
  child.send('how busy?');
  const { user, system } = await said(child);
  return user + system;
}

async function rate(address, method, seconds) {
  const pool = new Pool(address, { connections: CONNECTIONS, pipelining: 1 });
  const until = performance.now() + seconds * 1_000;
  const began = performance.now();
  let done = 0;
  const ask = async () => {
    while (performance.now() < until) {
      const { statusCode, body } = await pool.request({ path: '/fhir/R4/Patient/1', method, headers: { authorization: `Bearer ${'a'.repeat(300)}`, 'content-type': 'application/fhir+json' }, body: method === 'POST' ? BODY : null });
      await body.dump();
      if (statusCode !== 200) throw new Error(`answers ${statusCode}`);
      done++;
      asked++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, ask));
  await pool.close();
  return Math.round((done * 1_000) / (performance.now() - began));
}

function median(numbers) {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1];
}
