import { Client } from 'pg';

/** Does something on a connection of its own, as whom the address names. */
export async function administer<T>(dsn: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: dsn, application_name: 'baton test' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The address of another database of the same cluster. */
export function databaseIn(dsn: string, database: string): string {
  const parts = /^(postgres(?:ql)?:\/\/[^/?]*)(?:\/[^?]*)?(\?.*)?$/.exec(dsn);
  if (!parts) throw new Error('The database address must look like postgres://user:password@host:port/database.');
  return `${parts[1]}/${database}${parts[2] ?? ''}`;
}
