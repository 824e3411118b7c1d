import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { bootstrap, dsnFor } from './bootstrap.js';
import { sqlState } from './database.js';
import { roleOf, SCHEMAS, type Schema } from './names.js';
import { scramVerifier, secret } from './secrets.js';

// This library's specs cannot use libs/testing, which is built on it: what they need of Jest's global setup is in the environment.
const cluster = process.env['BATON_TEST_ADMIN_DSN']!;
const secretsDir = process.env['BATON_TEST_SECRETS']!;
const names = ['one', 'two'].map((name) => `baton_test_${name}_${randomBytes(6).toString('hex')}`) as [string, string];
const dsnOf = (name: string) => cluster.replace(/^(postgres(?:ql)?:\/\/[^/?]*)\/[^?]*/, `$1/${name}`);
const adminDsn = dsnOf(names[0]);

async function ask<Row extends object>(dsn: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: dsn });
  await client.connect();
  try {
    const results: unknown = await client.query(sql);
    return ([results].flat().at(-1) as { rows: Row[] }).rows;
  } finally {
    await client.end();
  }
}

/** SQLSTATE with which it was refused; undefined if it was not. */
const refusal = (dsn: string, sql: string): Promise<string | undefined> => ask(dsn, sql).then(() => undefined, sqlState);

/** SQLSTATE of each statement, one after the other on one connection. */
async function refusals(dsn: string, statements: readonly string[]): Promise<Record<string, string | undefined>> {
  const client = new Client({ connectionString: dsn });
  await client.connect();
  try {
    const answers: [string, string | undefined][] = [];
    for (const sql of statements) answers.push([sql, await client.query(sql).then(() => undefined, sqlState)]);
    return Object.fromEntries(answers);
  } finally {
    await client.end();
  }
}

const each = (statements: readonly string[], state: string): Record<string, string> => Object.fromEntries(statements.map((sql) => [sql, state]));

const PRIVILEGE = '42501';

describe('A bootstrapped database', () => {
  let dsns: Record<Schema, string>;
  beforeAll(async () => {
    for (const name of names) await ask(cluster, `CREATE DATABASE ${name}`);
    dsns = await bootstrap({ adminDsn, secretsDir });
    for (const schema of SCHEMAS) {
      await ask(
        dsns[schema],
        `CREATE TABLE ${schema}.own (n int);
         CREATE VIEW ${schema}.shown AS SELECT n FROM ${schema}.own;
         CREATE SEQUENCE ${schema}.numbers;
         CREATE FUNCTION ${schema}.told() RETURNS int LANGUAGE sql RETURN 1`,
      );
    }
  });
  afterAll(async () => {
    for (const name of names) await ask(cluster, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });

  const pairs = SCHEMAS.flatMap((role) => SCHEMAS.filter((schema) => schema !== role).map((schema) => [role, schema] as const));

  it.each(pairs)('gives the role of %s nothing of what belongs to %s', async (role, schema) => {
    const attempts = [
      `SELECT * FROM ${schema}.own`,
      `SELECT * FROM ${schema}.shown`,
      `INSERT INTO ${schema}.own VALUES (1)`,
      `UPDATE ${schema}.own SET n = 2`,
      `DELETE FROM ${schema}.own`,
      `TRUNCATE ${schema}.own`,
      `DROP TABLE ${schema}.own`,
      `ALTER TABLE ${schema}.own ADD more int`,
      `GRANT SELECT ON ${schema}.own TO ${roleOf(role)}`,
      `CREATE TABLE ${schema}.planted (n int)`,
      `CREATE VIEW ${schema}.planted AS SELECT 1`,
      `SELECT nextval('${schema}.numbers')`,
      `SELECT ${schema}.told()`,
    ];
    expect(await refusals(dsns[role], attempts)).toEqual(each(attempts, PRIVILEGE));
  });

  it.each(SCHEMAS.filter((schema) => schema !== 'gateway'))('lets the gateway write in %s only after it took the role, and nobody else take it', async (schema) => {
    expect(await refusal(dsns.gateway, `SET ROLE ${roleOf(schema)}; INSERT INTO ${schema}.own VALUES (1)`)).toBeUndefined();
    const attempts = SCHEMAS.filter((other) => other !== schema).map((other) => `SET ROLE ${roleOf(other)}`);
    expect(await refusals(dsns[schema], attempts)).toEqual(each(attempts, PRIVILEGE));
  });

  it('lets a role see a view that its owner granted, and still nothing of the table beneath', async () => {
    await ask(dsns.consent, `INSERT INTO consent.own VALUES (7); GRANT SELECT ON consent.shown TO ${roleOf('referrals')}`);
    expect(await ask(dsns.referrals, 'SELECT n FROM consent.shown WHERE n = 7')).toEqual([{ n: 7 }]);
    expect(await refusal(dsns.referrals, 'SELECT n FROM consent.own')).toBe(PRIVILEGE);
    expect(await refusal(dsns.referrals, 'INSERT INTO consent.shown VALUES (8)')).toBe(PRIVILEGE);
    expect(await refusal(dsns.episodes, 'SELECT n FROM consent.shown')).toBe(PRIVILEGE);
  });

  it.each(SCHEMAS)('lets the role of %s make nothing outside its schema: no role, no database, no schema, nothing in public', async (schema) => {
    const attempts = ['CREATE ROLE intruder', 'CREATE DATABASE intruder', 'CREATE SCHEMA intruder', 'CREATE TABLE public.intruder ()', 'CREATE TEMPORARY TABLE intruder ()', 'SELECT rolpassword FROM pg_authid'];
    expect(await refusals(dsns[schema], attempts)).toEqual(each(attempts, PRIVILEGE));
  });

  it('keeps everybody else out', async () => {
    await ask(cluster, `DROP ROLE IF EXISTS baton_test_stranger; CREATE ROLE baton_test_stranger LOGIN PASSWORD '${scramVerifier('known')}'`);
    const stranger = adminDsn.replace(/:\/\/[^@]*@/, '://baton_test_stranger:known@');
    expect(await refusal(stranger, 'SELECT 1')).toBe(PRIVILEGE);
    await ask(cluster, 'DROP ROLE baton_test_stranger');
  });

  it('takes no password but the one in the secrets folder', async () => {
    expect(await refusal(dsns.consent.replace(/:[^:@]+@/, ':guessed@'), 'SELECT 1')).toBe('28P01');
    expect(dsns.consent).toBe(await dsnFor(secretsDir, adminDsn, 'consent'));
    expect(dsns.consent).toContain(`://baton_consent:${await secret(secretsDir, 'baton_consent')}@`);
  });

  it('is left as it is by a second time: the stored passwords too', async () => {
    const picture = `SELECT array_agg(rolpassword ORDER BY rolname) AS passwords, (SELECT array_agg(nspacl::text ORDER BY nspname) FROM pg_namespace) AS schemas,
      (SELECT array_agg(datacl::text ORDER BY datname) FROM pg_database WHERE datname = current_database()) AS databases FROM pg_authid WHERE rolname LIKE 'baton%'`;
    const before = await ask(adminDsn, picture);
    expect(await bootstrap({ adminDsn, secretsDir })).toEqual(dsns);
    expect(await ask(adminDsn, picture)).toEqual(before);
  });

  it('may be prepared by several at once, with another database of the same cluster', async () => {
    const at = (name: string) => bootstrap({ adminDsn: dsnOf(name), secretsDir });
    await Promise.all([at(names[0]), at(names[1]), at(names[0]), at(names[1]), at(names[0]), at(names[1])]);
    expect(await ask(await dsnFor(secretsDir, dsnOf(names[1]), 'audit'), 'SELECT current_user::text AS role')).toEqual([{ role: 'baton_audit' }]);
  });
});

describe('A secret', () => {
  let folder: string;
  beforeAll(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'baton-secrets-')), 'secrets');
  });
  afterAll(() => rm(join(folder, '..'), { recursive: true }));

  it('is one, however many ask for it first', async () => {
    const asked = await Promise.all(Array.from({ length: 20 }, () => secret(folder, 'shared')));
    expect(new Set(asked).size).toBe(1);
    expect(asked[0]).toMatch(/^[\w-]{43}$/);
    expect(await secret(folder, 'shared')).toBe(asked[0]);
  });

  it('is another one for another name', async () => {
    expect(await secret(folder, 'other')).not.toBe(await secret(folder, 'shared'));
  });

  it('is for its owner alone', async () => {
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'shared'))).mode & 0o777).toBe(0o600);
  });

  it('is not taken for empty when its file is', async () => {
    await writeFile(join(folder, 'blank'), '\n');
    await expect(secret(folder, 'blank')).rejects.toThrow('blank is empty');
  });
});

describe('The address of a service', () => {
  it.each([
    ['postgres://admin:word@db.example:5433/baton?sslmode=require', '@db.example:5433/baton?sslmode=require'],
    ['postgresql://db.example/baton', '@db.example/baton'],
    ['postgres://admin:word@/baton?host=%2Ftmp%2Fa%40b&port=5432', '@/baton?host=%2Ftmp%2Fa%40b&port=5432'],
    ['postgres:///baton?host=/run/at@home', '@/baton?host=/run/at@home'],
  ])('is %s with its own login', async (admin, rest) => {
    expect(await dsnFor(secretsDir, admin, 'consent')).toBe(`${admin.split('//')[0]}//baton_consent:${await secret(secretsDir, 'baton_consent')}${rest}`);
  });

  it('is refused without showing it, if it is none', async () => {
    await expect(dsnFor(secretsDir, 'host=db password=hidden', 'consent')).rejects.not.toThrow('hidden');
  });
});
