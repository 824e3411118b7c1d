import { RELATIONS } from '@baton/contracts';
import { SCHEMAS, statement } from '@baton/postgres';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import { DirectoryTables1700000000000 } from './migrations/directory.migration.js';

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase();
  await test.open('directory', [DirectoryTables1700000000000]);
});
afterAll(() => test.drop());

const published = RELATIONS.filter(({ name }) => ['person_v1', 'pathway_v1', 'recipient_v1'].includes(name));

describe('the directory publishes what its contract says', () => {
  it.each(published)('$name has the columns of the contract', async ({ name, columns }) => {
    const found = await test.admin<{ name: string; type: string }>(
      `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = ('directory.' || $1::text)::regclass AND attnum > 0 ORDER BY attnum`,
      [name],
    );
    expect(found).toEqual(columns.map((column) => ({ name: column.name, type: column.type })));
  });

  it.each(SCHEMAS.filter((schema) => !['audit', 'directory'].includes(schema)))('%s reads the views, and nothing behind them', async (schema) => {
    const db = await test.open(schema);
    for (const { name } of published) await expect(db.query(statement(`SELECT * FROM directory.${name}`))).resolves.toEqual([]);
    await expect(db.query(statement(`SELECT * FROM directory.person_link`))).rejects.toThrow('permission denied');
  });
});
