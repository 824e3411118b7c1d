import { Pool } from 'undici';
import { quantile, type Window } from './figures.js';
import type { ClosedLoop, Prepared, RequestsDone } from './job.js';

export interface Answered {
  readonly status: number;
  readonly location: string;
}

/** Sends one request and reads its answer to the end; undici's dispatch, because all else costs more than what is measured. */
export function exchange(pool: Pool, token: string, request: Prepared): Promise<Answered> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let location = '';
    pool.dispatch(
      {
        path: request.path,
        method: request.method,
        headers: { authorization: `Bearer ${token}`, ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/fhir+json' }) },
        ...(request.body === undefined ? {} : { body: request.body }),
      },
      {
        onRequestStart() {
          return undefined;
        },
        onResponseStart(_controller, code, headers) {
          status = code;
          location = typeof headers['location'] === 'string' ? headers['location'] : '';
        },
        onResponseData() {
          return undefined;
        },
        onResponseEnd() {
          resolve({ status, location });
        },
        onResponseError(_controller, error) {
          reject(error);
        },
      },
    );
  });
}

/** Collects how long operations took and how they ended. */
export class Stopwatch {
  private readonly took: number[] = [];
  private readonly failed: Record<string, number> = {};
  private readonly began = performance.now();
  private readonly cpu = process.cpuUsage();

  succeeded(milliseconds: number): void {
    this.took.push(milliseconds);
  }

  fell(how: string): void {
    this.failed[how] = (this.failed[how] ?? 0) + 1;
  }

  window(): Window {
    const { user, system } = process.cpuUsage(this.cpu);
    return { done: this.took.length, failed: this.failed, seconds: (performance.now() - this.began) / 1000, p50: quantile(this.took, 0.5), p99: quantile(this.took, 0.99), loadCpuSeconds: (user + system) / 1_000_000 };
  }
}

export async function runRequests(job: ClosedLoop): Promise<RequestsDone> {
  const pool = new Pool(job.address, { connections: job.connections, pipelining: 1 });
  const locations: string[] = [];
  let next = 0;
  const watch = new Stopwatch();
  const until = performance.now() + job.seconds * 1000;
  const connection = async (): Promise<void> => {
    while (performance.now() < until) {
      const place = next++;
      const request = job.requests[job.again ? place % job.requests.length : place];
      if (!request) return;
      const sent = performance.now();
      try {
        const { status, location } = await exchange(pool, job.token, request);
        locations[place] = location;
        if (status < 300) watch.succeeded(performance.now() - sent);
        else watch.fell(String(status));
      } catch (error) {
        watch.fell((error as Error).message);
      }
    }
  };
  await Promise.all(Array.from({ length: job.connections }, connection));
  const window = watch.window();
  await pool.close();
  return { ...window, locations };
}
