import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Exchange, type Report } from './exchange.js';
import { Group } from './instances.js';
import { json, notHttp } from './own-answers.js';
import { groupsFailing } from './readiness.js';
import { reply } from './reply.js';
import { targetOf } from './request-target.js';
import { groupOf, type Route } from './routes.js';
import { answerUnparsed } from './unparsed.js';

export interface ProxyOptions {
  readonly host: string;
  /** 0 lets the system choose one. */
  readonly port: number;
  /** The longest prefix wins. */
  readonly routes: readonly Route[];
  /** From each group to the addresses of its instances, `http://host:port`. */
  readonly upstreams: Readonly<Record<string, readonly string[]>>;
  /** The group for everything that no route names. */
  readonly otherwise: string;
  /** How long a service may keep silent before the head of its answer, and within its body; a minute. */
  readonly patienceMs?: number;
  readonly report?: Report;
}

export interface Proxy {
  /** `http://host:port`, as bound. */
  readonly address: string;
  /** Takes no new connections, lets running requests end (as long as its patience lasts), then closes. */
  stop(): Promise<void>;
}

const PATIENCE_MS = 60_000;

/** URL and headers together; what services take themselves. */
const HEAD_AT_MOST = 16_384;

/** Longer than common load balancers keep theirs, so that they never send on a connection that is just being closed. */
const IDLE_MS = 72_000;

/** Starts the proxy. @throws if a group is named that has no instances, or the address cannot be bound */
export async function startProxy({ host, port, routes, upstreams, otherwise, patienceMs = PATIENCE_MS, report = () => undefined }: ProxyOptions): Promise<Proxy> {
  const lacking = groupsLacking(routes, otherwise, upstreams);
  if (lacking.length > 0) throw new Error(`No instances of ${lacking.join(', ')}`);
  const groups = new Map(Object.entries(upstreams).map(([name, addresses]) => [name, new Group(name, addresses, patienceMs)]));
  const choose = groupOf(routes, otherwise);
  const running = new Set<ServerResponse>();
  let stopping = false;

  const handle = (expects: boolean) => (request: IncomingMessage, response: ServerResponse): void => {
    running.add(response);
    response.once('close', () => running.delete(response));
    if (stopping) response.shouldKeepAlive = false;
    const target = targetOf(request);
    if (typeof target === 'number') {
      response.shouldKeepAlive = false;
      reply(request, response, notHttp(target));
    } else if (!answersHealth(request, response, target.path, groups)) {
      new Exchange(request, response, target, groups.get(choose(target.path))!, report, expects).ask();
    }
  };
  const server = createServer({ maxHeaderSize: HEAD_AT_MOST, keepAliveTimeout: IDLE_MS, requireHostHeader: true, insecureHTTPParser: false }, handle(false));
  server.on('checkContinue', handle(true));
  server.on('clientError', (error, socket) => answerUnparsed(error, socket, isAnswering(running, socket as Socket)));
  await listen(server, port, host);

  const stop = async (): Promise<void> => {
    stopping = true;
    for (const response of running) if (!response.headersSent) response.shouldKeepAlive = false;
    const closed = new Promise((done) => server.close(done));
    await Promise.race([allClosed(running), new Promise((done) => setTimeout(done, patienceMs).unref())]);
    server.closeAllConnections();
    await closed;
    await Promise.all([...groups.values()].map((group) => group.destroy()));
  };
  let stopped: Promise<void> | undefined;
  return { address: addressOf(server), stop: () => (stopped ??= stop()) };
}

/** Groups that are named, and of which no instance is. */
export function groupsLacking(routes: readonly Route[], otherwise: string, upstreams: ProxyOptions['upstreams']): string[] {
  return [...new Set([...routes.map(({ to }) => to), otherwise])].filter((group) => (upstreams[group] ?? []).length === 0);
}

/** @returns whether the request asks how the proxy itself fares, and is answered (soon) */
function answersHealth(request: IncomingMessage, response: ServerResponse, path: string, groups: ReadonlyMap<string, Group>): boolean {
  const [, asked] = (request.method === 'GET' || request.method === 'HEAD') && /^\/health\/(live|ready)(?:\?|$)/.exec(path) || [];
  if (asked === 'live') reply(request, response, json(200, { status: 'ok' }));
  if (asked === 'ready') {
    void groupsFailing([...groups.values()]).then((failing) => reply(request, response, failing.length === 0 ? json(200, { status: 'ok', failing }) : json(503, { status: 'failing', failing })));
  }
  return asked !== undefined;
}

const isAnswering = (running: ReadonlySet<ServerResponse>, socket: Socket): boolean => [...running].some((response) => response.req.socket === socket && response.headersSent);

const allClosed = async (running: ReadonlySet<ServerResponse>): Promise<void> => {
  while (running.size > 0) await Promise.all([...running].map((response) => new Promise((done) => response.once('close', done))));
};

async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, host, listening));
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
