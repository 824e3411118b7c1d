import { EgressRefused, guardedConnector, type EgressPolicy } from '@baton/access';
import { crashPoint } from '@baton/kernel';
import { Pool, type Dispatcher } from 'undici';
import { retryAfterMs, type Answer } from './delivery.js';

export interface Letter {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Milliseconds until an answer's head must be there, connecting included. */
  readonly timeoutMs: number;
  /** Instant of `performance.now()` after which the first byte must not go out any more. */
  readonly notAfter: number;
}

/** Bytes of an answer's body that are read (and thrown away) to keep the connection. */
const BODY_AT_MOST = 65_536;
const BODY_MS = 5_000;

/** Requests one endpoint gets at the same time. */
export const CONNECTIONS = 8;

/** Sends to partners' endpoints: connections are kept per origin, addresses judged as each connects, redirects never followed. */
export class Sender {
  private readonly pools = new Map<string, Pool>();

  constructor(private readonly policy: EgressPolicy) {}

  /** POSTs a letter. Never rejects: what went wrong is an answer too. */
  async send(letter: Letter): Promise<Answer> {
    try {
      const url = new URL(letter.endpoint);
      return await exchange(this.poolFor(url.origin), `${url.pathname}${url.search}`, letter);
    } catch (error) {
      return failureOf(error);
    }
  }

  async close(): Promise<void> {
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  private poolFor(origin: string): Pool {
    let pool = this.pools.get(origin);
    if (!pool) {
      pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1, connect: guardedConnector(this.policy), headersTimeout: 0, bodyTimeout: BODY_MS, maxHeaderSize: 16_384 });
      this.pools.set(origin, pool);
    }
    return pool;
  }
}

class TooLate extends Error {}
class TimedOut extends Error {}

/** One request. Resolves as soon as the head of the answer is there: a body of success says nothing that Baton wants to know. */
function exchange(pool: Pool, path: string, letter: Letter): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let given: Error | undefined;
    let read = 0;
    const giveUp = (error: Error): void => {
      given = error;
      controller?.abort(error);
      reject(error);
    };
    const timer = setTimeout(() => giveUp(new TimedOut()), letter.timeoutMs);
    const done = (settle: () => void): void => {
      clearTimeout(timer);
      settle();
    };
    pool.dispatch(
      { path, method: 'POST', headers: letter.headers, body: letter.body },
      {
        onRequestStart(started) {
          controller = started;
          // Nothing was written yet: what consent allowed longer ago than that is asked again. Thrown, not aborted: an abort would cut
          // the connection, and who takes long to connect would never be told anything.
          if (given) throw given;
          if (performance.now() > letter.notAfter) throw new TooLate();
          crashPoint('delivery.request-started');
        },
        onRequestSent() {
          crashPoint('delivery.request-sent');
        },
        onResponseStart(_started, status, headers) {
          if (status < 200) return;
          const after = headers['retry-after'];
          const retry = retryAfterMs(Array.isArray(after) ? after[0] : after, new Date());
          done(() => resolve({ status, ...(retry === undefined ? {} : { retryAfterMs: retry }) }));
        },
        onResponseData(started, chunk) {
          read += chunk.length;
          if (read > BODY_AT_MOST) started.abort(new Error('the answer is too long'));
        },
        onResponseEnd() {
          return undefined;
        },
        onResponseError(_started, error) {
          done(() => reject(given ?? error));
        },
      },
    );
  });
}

function failureOf(error: unknown): Answer {
  if (error instanceof TooLate) return { failure: 'too-late' };
  if (error instanceof TimedOut) return { failure: 'timeout' };
  if (error instanceof EgressRefused) return { failure: 'refused-address' };
  const code = (error as { code?: unknown } | null)?.code;
  return { failure: code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'dns' : 'connection' };
}
