import { Database, dsnFor, roleOf, SCHEMAS, type DatabaseOptions, type Schema } from '@baton/postgres';
import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import { administer, databaseIn } from './administer.js';

/** A database of a test's own: bootstrapped (roles, schemas), without tables. */
export interface TestDatabase {
  /** The administrator's connection string to it. */
  readonly adminDsn: string;
  /** Where the roles' passwords are. */
  readonly secretsDir: string;
  /** A service's own connection string. */
  dsn(schema: Schema): string;
  /** Asks as the administrator, past all privileges: to look at what was stored, and to spoil it. @returns the rows */
  admin<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Connects as a service, brings its schema up to date if migrations are given. Closed by `drop()`. */
  open(schema: Schema, migrations?: DatabaseOptions['migrations'], more?: Partial<DatabaseOptions>): Promise<Database>;
  /** Closes what was opened and removes the database. */
  drop(): Promise<void>;
}

/**
 * Makes a database in the cluster of this test run, as a copy of an empty bootstrapped one (some 30 ms).
 * Make one per spec file, in `beforeAll`, and drop it in `afterAll`.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const cluster = { adminDsn: setting('BATON_TEST_ADMIN_DSN'), secretsDir: setting('BATON_TEST_SECRETS'), template: setting('BATON_TEST_TEMPLATE') };
  const name = `baton_test_${randomBytes(6).toString('hex')}`;
  await administer(cluster.adminDsn, async (admin) => {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${cluster.template}`);
    // A copy has the schemas and their privileges; those of the database itself are not copied.
    await admin.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT ON DATABASE ${name} TO ${SCHEMAS.map(roleOf).join(', ')}`);
  });
  const adminDsn = databaseIn(cluster.adminDsn, name);
  const dsns = new Map(await Promise.all(SCHEMAS.map(async (schema) => [schema, await dsnFor(cluster.secretsDir, adminDsn, schema)] as const)));
  const opened: Database[] = [];
  const direct = databaseAt(adminDsn);
  const dsn = (schema: Schema): string => dsns.get(schema)!;
  return {
    adminDsn,
    secretsDir: cluster.secretsDir,
    dsn,
    admin: (sql, values) => direct.admin(sql, values),
    open: async (schema, migrations = [], more = {}) => {
      const database = await Database.open({ dsn: dsn(schema), schema, migrations, poolSize: 4, ...more });
      opened.push(database);
      if (migrations.length > 0) await database.migrate();
      return database;
    },
    drop: async () => {
      await Promise.all([...opened.map((database) => database.close().catch(() => undefined)), direct.close()]);
      await administer(cluster.adminDsn, (admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** Asks a database as its administrator. */
export function databaseAt(adminDsn: string): Pick<TestDatabase, 'admin'> & { readonly close: () => Promise<void> } {
  const pool = new Pool({ connectionString: adminDsn, max: 2, application_name: 'baton test' });
  pool.on('error', () => undefined);
  return {
    admin: async <Row extends object>(sql: string, values: readonly unknown[] = []) => (await pool.query<Row>(sql, [...values])).rows,
    close: () => pool.end(),
  };
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: tests with a database run under Jest with this library's global setup (jest.config.js).`);
  return value;
}
