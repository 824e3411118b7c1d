import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { eventually } from './eventually.js';

/** What a partner's server answers. `hang`: never anything; `close`: the connection is cut without an answer. */
export type WebhookAnswer = 'hang' | 'close' | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: string; /** milliseconds before it */ readonly delay?: number };

export interface ReceivedWebhook {
  /** When the whole body was there, milliseconds since the epoch. */
  readonly at: number;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it came, byte for byte. */
  readonly body: string;
  /** Standard Webhooks: whether one of the secrets known when it came made one of its signatures; `unchecked` if none was known. */
  readonly signature: 'valid' | 'invalid' | 'unchecked';
  /** The body parsed. @throws SyntaxError */
  json(): unknown;
}

/** A partner's server: a real one, which records what comes and answers as it is told. */
export interface WebhookReceiver {
  /** `http://127.0.0.1:<port>/`, or at the host that `BATON_RECEIVERS` names: how containers see this machine. */
  readonly url: string;
  /** Everything that came so far, oldest first, also what was answered badly. */
  readonly received: readonly ReceivedWebhook[];
  /** Answers of the next requests, one each, after those named before; then again the usual one. */
  answerNext(...answers: WebhookAnswer[]): void;
  /** The answer of every request for which none is waiting; at first 200. */
  answerAlways(answer: WebhookAnswer | ((request: ReceivedWebhook) => WebhookAnswer)): void;
  /** Secrets (`whsec_…`) that signatures are checked against from now on. */
  trust(...secrets: string[]): void;
  /** Waits until so many requests came (that satisfy the condition). @returns them, oldest first @throws after `within` ms (5,000) */
  waitFor(count: number, condition?: (request: ReceivedWebhook) => boolean, within?: number): Promise<ReceivedWebhook[]>;
  /** Cuts every connection and frees the port. */
  close(): Promise<void>;
}

/** Where receivers listen: this machine, as Baton sees it. */
export const RECEIVERS = process.env['BATON_RECEIVERS'] ?? '127.0.0.1';

/**
 * Starts a receiver on the loopback address, or where `BATON_RECEIVERS` says.
 * @param port a free one by default; a fixed one stands for a partner that comes back at the same address
 */
export async function webhookReceiver({ secrets = [], port = 0 }: { secrets?: readonly string[]; port?: number } = {}): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const waiting: WebhookAnswer[] = [];
  let usual: (request: ReceivedWebhook) => WebhookAnswer = () => ({ status: 200 });
  let trusted = secrets.map((secret) => new Webhook(secret));
  const server = createServer((request, response) => {
    void (async () => {
      const webhook = await receive(request, trusted);
      received.push(webhook);
      await give(response, waiting.shift() ?? usual(webhook));
    })().catch(() => response.destroy());
  });
  server.listen(port, RECEIVERS);
  await once(server, 'listening');
  return {
    url: `http://${RECEIVERS}:${(server.address() as AddressInfo).port}/`,
    received,
    answerNext: (...answers) => void waiting.push(...answers),
    answerAlways: (answer) => void (usual = typeof answer === 'function' ? answer : () => answer),
    trust: (...added) => void (trusted = added.map((secret) => new Webhook(secret))),
    waitFor: (count, condition = () => true, within = 5_000) =>
      eventually(
        () => {
          const found = received.filter(condition);
          if (found.length < count) throw new Error(`${found.length} of ${count} requests came within ${within} ms (${received.length} in all).`);
          return found;
        },
        { within },
      ),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function receive(request: IncomingMessage, trusted: readonly Webhook[]): Promise<ReceivedWebhook> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const { method = '', url: path = '', headers } = request;
  return { at: Date.now(), method, path, headers, body, signature: verdict(trusted, body, headers), json: () => JSON.parse(body) as unknown };
}

function verdict(trusted: readonly Webhook[], body: string, headers: IncomingHttpHeaders): ReceivedWebhook['signature'] {
  if (trusted.length === 0) return 'unchecked';
  const checked = Object.fromEntries(['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, String(headers[name] ?? '')]));
  return trusted.some((secret) => verifies(secret, body, checked)) ? 'valid' : 'invalid';
}

function verifies(secret: Webhook, body: string, headers: Record<string, string>): boolean {
  try {
    secret.verify(body, headers, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

async function give(response: ServerResponse, answer: WebhookAnswer): Promise<void> {
  if (answer === 'hang') return;
  if (answer === 'close') {
    response.destroy();
    return;
  }
  if (answer.delay !== undefined) await sleep(answer.delay, undefined, { ref: false });
  response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? '');
}
