import { statement } from '@baton/postgres';
import type { QueryRunner } from 'typeorm';
import { createTestDatabase, type TestDatabase } from './test-database.js';

class Notes1700000000000 {
  readonly name = 'Notes1700000000000';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE referrals.note (text text NOT NULL)');
  }
  async down(): Promise<void> {}
}

describe('A test database', () => {
  let one: TestDatabase;
  let other: TestDatabase;
  beforeAll(async () => {
    [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  });
  afterAll(async () => {
    await Promise.all([one?.drop(), other?.drop()]);
  });

  it('lets a service migrate and write as its own role', async () => {
    const referrals = await one.open('referrals', [Notes1700000000000]);
    await referrals.query(statement('INSERT INTO referrals.note VALUES ($1)'), ['hello']);
    expect(await one.admin(`SELECT text, (SELECT tableowner FROM pg_tables WHERE tablename = 'note') AS owner FROM referrals.note`)).toEqual([
      { text: 'hello', owner: 'baton_referrals' },
    ]);
  });

  it('has nothing of what another test database has', async () => {
    expect(await other.admin(`SELECT tablename FROM pg_tables WHERE schemaname = 'referrals'`)).toEqual([]);
  });

  it('is closed to everyone but the roles of Baton', async () => {
    const [row] = await one.admin<{ acl: string }>('SELECT datacl::text AS acl FROM pg_database WHERE datname = current_database()');
    expect(row?.acl).toContain('baton_consent=c/');
    expect(row?.acl).not.toMatch(/[{,]=/);
  });
});
