import { bootstrap, dsnFor, roleOf, SCHEMAS, sqlState } from '@baton/postgres';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, temporaryHome } from './engine.fixture.js';
import { startPostgres, type EmbeddedPostgres } from './start-postgres.js';

const refusal = (dsn: string, sql: string): Promise<string | undefined> => ask(dsn, sql).then(() => undefined, sqlState);

// Roles and passwords belong to the whole cluster: what changes them is tried in one of its own.
describe('Bootstrap in a cluster of its own', () => {
  const { home, remove } = temporaryHome();
  let engine: EmbeddedPostgres;
  beforeAll(async () => {
    engine = await startPostgres({ home, fast: true });
  });
  afterAll(async () => {
    await engine?.stop();
    remove();
  });

  it('needs no superuser: the owner of the database, who may make roles, is enough', async () => {
    await ask(engine.adminDsn, `CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'known'`);
    await ask(engine.adminDsn, 'CREATE DATABASE owned OWNER owner');
    const adminDsn = engine.adminDsn.replace(/:\/\/[^@]*@\/baton/, '://owner:known@/owned');
    const { secretsDir } = engine;
    const dsns = await bootstrap({ adminDsn, secretsDir });
    expect(await refusal(dsns.consent, 'CREATE TABLE consent.own ()')).toBeUndefined();
    expect(await refusal(dsns.referrals, 'SELECT FROM consent.own')).toBe('42501');
    expect(await refusal(dsns.gateway, 'SELECT FROM consent.own')).toBe('42501');
    expect(await refusal(dsns.gateway, 'SET ROLE baton_consent; SELECT FROM consent.own')).toBeUndefined();
    expect(await bootstrap({ adminDsn, secretsDir })).toEqual(dsns);
  });

  it('brings a password that changed in the secrets folder to the database', async () => {
    const { adminDsn, secretsDir } = engine;
    const before = await bootstrap({ adminDsn, secretsDir });
    writeFileSync(join(secretsDir, 'baton_audit'), 'another-one');
    expect(await refusal(await dsnFor(secretsDir, adminDsn, 'audit'), 'SELECT 1')).toBe('28P01');
    const after = await bootstrap({ adminDsn, secretsDir });
    expect(await refusal(after.audit, 'SELECT 1')).toBeUndefined();
    expect(await refusal(before.audit, 'SELECT 1')).toBe('28P01');
    expect(after.consent).toBe(before.consent);
  });

  it('takes over a schema and roles that are there already, and closes what was open', async () => {
    const { adminDsn, secretsDir } = engine;
    await ask(adminDsn, 'CREATE DATABASE earlier');
    const earlier = adminDsn.replace('@/baton?', '@/earlier?');
    await ask(earlier, 'CREATE SCHEMA referrals; GRANT ALL ON SCHEMA public TO PUBLIC');
    const dsns = await bootstrap({ adminDsn: earlier, secretsDir });
    expect(await refusal(dsns.referrals, 'CREATE TABLE referrals.own ()')).toBeUndefined();
    expect(await refusal(dsns.referrals, 'CREATE TABLE public.stray ()')).toBe('42501');
    expect(await ask(earlier, `SELECT count(*)::int AS roles FROM pg_roles WHERE rolname = ANY('{${SCHEMAS.map(roleOf).join()}}') AND NOT rolsuper AND NOT rolcreaterole AND NOT rolcreatedb`)).toEqual([{ roles: SCHEMAS.length }]);
  });
});
