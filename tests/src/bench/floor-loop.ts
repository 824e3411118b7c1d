import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { Stopwatch } from './closed-loop.js';
import type { Window } from './figures.js';
import type { Floor } from './job.js';

/** Stands for the key of an operation in a floor's parameters. */
export const ID = '00000000-0000-4000-8000-000000000000';

const WARM_UPS = 6;

/** Runs a floor: so many connections, each with its next statement when the last is committed. */
export async function runFloor(job: Floor): Promise<Window> {
  const clients = await Promise.all(
    Array.from({ length: job.connections }, async () => {
      const client = new Client({ connectionString: job.dsn, application_name: 'baton bench floor' });
      await client.connect();
      return client;
    }),
  );
  let next = 0;
  const once = (client: Client): Promise<unknown> => {
    const key = job.keys ? job.keys[next++ % job.keys.length]! : randomUUID();
    return client.query({ ...job.statement, values: job.values.map((value) => keyed(value, key)) });
  };
  // PostgreSQL plans a statement anew the first five times; Baton's connections have that behind them.
  await Promise.all(clients.map(async (client) => {
    for (let n = 0; n < WARM_UPS; n++) await once(client);
  }));
  const watch = new Stopwatch();
  const until = performance.now() + job.seconds * 1000;
  const connection = async (client: Client): Promise<void> => {
    while (performance.now() < until) {
      const sent = performance.now();
      try {
        await once(client);
        watch.succeeded(performance.now() - sent);
      } catch (error) {
        watch.fell((error as Error).message);
      }
    }
  };
  await Promise.all(clients.map(connection));
  const window = watch.window();
  await Promise.all(clients.map((client) => client.end()));
  return window;
}

function keyed(value: unknown, key: string): unknown {
  if (typeof value === 'string') return value.includes(ID) ? value.replaceAll(ID, key) : value;
  return Array.isArray(value) ? value.map((each: unknown) => keyed(each, key)) : value;
}
