import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseAt } from '@baton/testing';

export type Administered = ReturnType<typeof databaseAt>;

/** Opens the database of a home as its administrator. */
export const administer = async (home: string): Promise<Administered> => databaseAt((await readFile(join(home, 'secrets', 'admin-dsn'), 'utf8')).trim());

/** Looks at the database of a home as its administrator, past all services. */
export async function administering<T>(home: string, look: (database: Administered) => Promise<T>): Promise<T> {
  const database = await administer(home);
  try {
    return await look(database);
  } finally {
    await database.close();
  }
}
