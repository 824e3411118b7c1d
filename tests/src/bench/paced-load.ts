import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { exchange, Stopwatch } from './closed-loop.js';
import { quantile, type Window } from './figures.js';
import type { Paced, PacedDone } from './job.js';

const STRAGGLERS_MS = 10_000;
const CONNECTIONS = 64;
const FOCUS = /ServiceRequest\/([0-9a-f-]{36})/;

/** A partner's endpoint: notes when the first webhook about each referral was there, and whether it was signed. */
export class Receiver {
  readonly firstAt = new Map<string, number>();
  badSignatures = 0;
  private constructor(private readonly server: Server) {}

  /** @param secret `whsec_…`, Standard Webhooks */
  static async open(secret: string): Promise<Receiver> {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => void chunks.push(chunk));
      request.on('end', () => {
        response.end();
        receiver.note(request, Buffer.concat(chunks), performance.now(), key);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  private note({ headers }: IncomingMessage, body: Buffer, at: number, key: Buffer): void {
    const mac = createHmac('sha256', key).update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.`).update(body).digest();
    const signed = String(headers['webhook-signature']).split(' ').some((each) => {
      const given = Buffer.from(each.replace(/^v1,/, ''), 'base64');
      return given.length === mac.length && timingSafeEqual(given, mac);
    });
    if (!signed) this.badSignatures++;
    const focus = FOCUS.exec(body.toString())?.[1];
    if (focus !== undefined && !this.firstAt.has(focus)) this.firstAt.set(focus, at);
  }
}

/** Posts at a pace and waits for the webhook of each. */
export async function runPaced(job: Paced, receiver: Receiver): Promise<PacedDone> {
  const pool = new Pool(job.address, { connections: CONNECTIONS, pipelining: 1 });
  const watch = new Stopwatch();
  const posts: { id: string; sent: number; answered: number }[] = [];
  const bad = receiver.badSignatures;
  const began = performance.now();
  const underWay = job.requests.map(async (request, place) => {
    const due = began + (place * 1000) / job.perSecond;
    await sleep(Math.max(0, due - performance.now()));
    const sent = performance.now();
    try {
      const { status, location } = await exchange(pool, job.token, request);
      const answered = performance.now();
      if (status >= 300) return watch.fell(String(status));
      watch.succeeded(answered - sent);
      posts.push({ id: FOCUS.exec(location)?.[1] ?? '', sent, answered });
    } catch (error) {
      watch.fell((error as Error).message);
    }
  });
  await Promise.all(underWay);
  const window = watch.window();
  const until = performance.now() + STRAGGLERS_MS;
  while (performance.now() < until && posts.some(({ id }) => !receiver.firstAt.has(id))) await sleep(20);
  await pool.close();
  const came = posts.flatMap(({ id, sent, answered }) => {
    const at = receiver.firstAt.get(id);
    return at === undefined ? [] : [{ fromSending: at - sent, afterAnswer: at - answered }];
  });
  return {
    posts: window,
    arrival: windowOf(came.map(({ fromSending }) => fromSending), window),
    afterAnswer: windowOf(came.map(({ afterAnswer }) => afterAnswer), window),
    missing: posts.length - came.length,
    badSignatures: receiver.badSignatures - bad,
  };
}

const windowOf = (took: readonly number[], { seconds }: Window): Window => ({ done: took.length, failed: {}, seconds, p50: quantile(took, 0.5), p99: quantile(took, 0.99), loadCpuSeconds: 0 });
