import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type RequestListener, type RequestOptions, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { startProxy, type Proxy, type ProxyOptions } from './proxy.js';

const toStop: (() => unknown)[] = [];

/** Stops all that the tests started. */
export async function stopAll(): Promise<void> {
  await Promise.all(toStop.splice(0).map((stop) => stop()));
}

export interface Upstream {
  readonly address: string;
  readonly server: Server;
  /** What it was asked: method and path. */
  readonly asked: string[];
  close(): void;
}

/** A service's instance. */
export async function upstream(answer: RequestListener, port = 0): Promise<Upstream> {
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    incoming.on('error', () => undefined);
    answer(incoming, response);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  toStop.push(close);
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, asked, close };
}

/** An address where nothing listens. */
export async function nobody(): Promise<string> {
  const { address, close } = await upstream(() => undefined);
  close();
  return address;
}

/** An instance in a process of its own, which holds every request. */
export async function holdingProcess(): Promise<{ address: string; asked: string[]; kill(): void }> {
  const script = `const server = require('node:http').createServer((request) => { process.send(request.method + ' ' + request.url); request.resume(); });
    server.listen(0, '127.0.0.1', () => process.send(server.address().port));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  toStop.push(() => child.kill('SIGKILL'));
  const [port] = await once(child, 'message');
  const asked: string[] = [];
  child.on('message', (what: string) => asked.push(what));
  return { address: `http://127.0.0.1:${port}`, asked, kill: () => child.kill('SIGKILL') };
}

/** A proxy that leads everything to instances of one group. */
export async function proxyTo(instances: readonly string[], more: Partial<ProxyOptions> = {}): Promise<Proxy> {
  const proxy = await startProxy({ host: '127.0.0.1', port: 0, routes: [], upstreams: { all: instances }, otherwise: 'all', ...more });
  toStop.push(() => proxy.stop());
  return proxy;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Asks by HTTP, the path as it is. @throws if the connection ends before the answer does */
export function ask(proxy: Proxy, path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(proxy.address, { path, agent: false, ...options }, (response) => void textOf(response).then((text) => resolve({ status: response.statusCode!, headers: response.headers, text }), reject));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The issue's code and text of an OperationOutcome. */
export function issueOf({ text, headers }: Answer): { code: string; says: string } {
  expect(headers['content-type']).toBe('application/fhir+json; charset=utf-8');
  const outcome = JSON.parse(text);
  expect(outcome.resourceType).toBe('OperationOutcome');
  return { code: outcome.issue[0].code, says: outcome.issue[0].details.text };
}

export async function textOf(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('latin1');
}

/** Writes to a connection as it is. @returns all that comes, until the other side ends; an error's code behind it */
export function talk(proxy: Proxy, text: string): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(proxy.address);
    let heard = '';
    const socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    socket.setEncoding('latin1').on('data', (part: string) => (heard += part));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => (heard += code));
    socket.on('close', () => resolve(heard));
  });
}

/** Waits until something is so. */
export async function until(so: () => unknown): Promise<void> {
  for (const deadline = Date.now() + 3_000; !so(); await new Promise((done) => setTimeout(done, 5))) {
    if (Date.now() > deadline) throw new Error(`not so: ${so.toString()}`);
  }
}
