import { crashPoint } from '@baton/kernel';
import { Client } from 'pg';
import { isUnavailable, sqlState } from './database.js';
import { roleOf, SCHEMAS, type Schema } from './names.js';
import { isVerifierOf, scramVerifier, secret } from './secrets.js';

export interface BootstrapOptions {
  /** Administrator's login to the database that Baton is to use: a superuser, or its owner with CREATEROLE. */
  readonly adminDsn: string;
  /** `<BATON_HOME>/secrets`: passwords are made there, a file per role, and brought to the database from there. */
  readonly secretsDir: string;
}

/** What the administrator may do and what is there already. */
interface Present {
  readonly superuser: boolean;
  readonly readsPasswords: boolean;
  readonly roles: readonly string[];
  readonly schemas: readonly { name: string; owner: string }[];
  readonly database: string;
}

const PRESENT = `
  SELECT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS superuser,
         has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS "readsPasswords",
         ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname = ANY($1)) AS roles,
         ARRAY(SELECT json_build_object('name', nspname, 'owner', pg_get_userbyid(nspowner)) FROM pg_catalog.pg_namespace WHERE nspname = ANY($2)) AS schemas,
         current_database()::text AS database`;

const MAX_TRIES = 10;

/** The embedded one; `uuidv7()` came with it. */
const OLDEST = 180_000;

/** The database cannot serve Baton; the message says why and what would. */
export class DatabaseUnsuitable extends Error {
  override readonly name = 'DatabaseUnsuitable';
}

/**
 * Prepares a database for Baton, as its administrator: a login role with a password and a schema of its own for each
 * service, and nothing for anyone else. Repeating it changes nothing; several processes may do it at once, also for
 * different databases of one cluster, which share the roles.
 *
 * Tables stay private to their owner: other roles may name what is in a schema (USAGE), and see only what the
 * owner's migrations grant them. The gateway inherits nothing and must say `SET ROLE`.
 * @returns each service's own connection string
 */
export async function bootstrap({ adminDsn, secretsDir }: BootstrapOptions): Promise<Record<Schema, string>> {
  const passwords = new Map<string, string>();
  for (const schema of SCHEMAS) passwords.set(roleOf(schema), await secret(secretsDir, roleOf(schema)));
  for (let attempt = 1; ; attempt++) {
    try {
      await once(adminDsn, passwords);
      break;
    } catch (error) {
      if (attempt >= MAX_TRIES || !isContention(error)) throw error;
    }
  }
  const dsns = await Promise.all(SCHEMAS.map(async (schema) => [schema, await dsnFor(secretsDir, adminDsn, schema)] as const));
  return Object.fromEntries(dsns) as Record<Schema, string>;
}

/**
 * A service's own connection string: the administrator's, with the role and its password in place of his.
 * The password is made if there is none yet; it opens the database only after {@link bootstrap}.
 */
export async function dsnFor(secretsDir: string, adminDsn: string, schema: Schema): Promise<string> {
  const role = roleOf(schema);
  const parts = /^(postgres(?:ql)?:\/\/)(?:[^@/?]*@)?(.*)$/.exec(adminDsn);
  if (!parts) throw new Error('The database address must look like postgres://user:password@host:port/database.');
  return `${parts[1]}${role}:${encodeURIComponent(await secret(secretsDir, role))}@${parts[2]}`;
}

async function once(adminDsn: string, passwords: ReadonlyMap<string, string>): Promise<void> {
  const client = new Client({ connectionString: adminDsn, application_name: 'baton bootstrap' });
  // A connection that breaks between two statements says so here as well; the statement's own error is what counts.
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    throw isUnavailable(error) ? new DatabaseUnsuitable(`The database named by DATABASE_URL cannot be reached (${(error as { code?: string }).code ?? 'no answer'}).`) : error;
  });
  try {
    await refuseOld(client);
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('baton bootstrap'))`);
    const present = (await client.query<Present>(PRESENT, [[...passwords.keys()], SCHEMAS])).rows[0]!;
    const stored = present.readsPasswords ? await storedPasswords(client, [...passwords.keys()]) : new Map<string, string>();
    await client.query([...roles(present, passwords, stored), ...schemas(present), ...privileges(present)].join(';\n'));
    crashPoint('bootstrap.before-commit');
    await client.query('COMMIT');
    crashPoint('bootstrap.committed');
  } finally {
    await client.end();
  }
}

async function refuseOld(client: Client): Promise<void> {
  const { rows } = await client.query<{ number: number; name: string }>(`SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS name`);
  if (rows[0]!.number < OLDEST) throw new DatabaseUnsuitable(`Baton needs PostgreSQL 18 or newer; DATABASE_URL leads to ${rows[0]!.name}.`);
}

async function storedPasswords(client: Client, roleNames: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; password: string }>(
    `SELECT rolname::text AS name, coalesce(rolpassword, '') AS password FROM pg_catalog.pg_authid WHERE rolname = ANY($1)`,
    [roleNames],
  );
  return new Map(rows.map((row) => [row.name, row.password]));
}

function roles(present: Present, passwords: ReadonlyMap<string, string>, stored: ReadonlyMap<string, string>): string[] {
  const gateway = roleOf('gateway');
  const of = [...passwords].flatMap(([role, password]) => {
    const isNew = !present.roles.includes(role);
    const same = isVerifierOf(stored.get(role) ?? '', password);
    return [
      ...(isNew ? [`CREATE ROLE ${role} LOGIN NOCREATEDB NOCREATEROLE`] : []),
      ...(same ? [] : [`ALTER ROLE ${role} LOGIN PASSWORD '${scramVerifier(password)}'`]),
      // An administrator who is no superuser may give a schema only to a role that he may become.
      ...(present.superuser ? [] : [`GRANT ${role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE`]),
    ];
  });
  const others = [...passwords.keys()].filter((role) => role !== gateway);
  return [...of, `GRANT ${others.join(', ')} TO ${gateway} WITH INHERIT FALSE, SET TRUE`];
}

function schemas(present: Present): string[] {
  const everyone = SCHEMAS.map(roleOf).join(', ');
  return SCHEMAS.flatMap((schema) => {
    const role = roleOf(schema);
    const owner = present.schemas.find(({ name }) => name === schema)?.owner;
    return [
      ...(owner === undefined ? [`CREATE SCHEMA ${schema} AUTHORIZATION ${role}`] : []),
      ...(owner !== undefined && owner !== role ? [`ALTER SCHEMA ${schema} OWNER TO ${role}`] : []),
      `SET LOCAL ROLE ${role}`,
      `GRANT USAGE ON SCHEMA ${schema} TO ${everyone}`,
      // PostgreSQL lets everybody call a new function; what others may call, its owner's migration says.
      `ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`,
      `RESET ROLE`,
    ];
  });
}

function privileges(present: Present): string[] {
  const database = `"${present.database.replaceAll('"', '""')}"`;
  return [
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
    `GRANT CONNECT ON DATABASE ${database} TO ${SCHEMAS.map(roleOf).join(', ')}`,
    `REVOKE ALL ON SCHEMA public FROM PUBLIC`,
  ];
}

/** Somebody else did the same at the same moment (roles belong to the cluster, the lock to one database): try again. */
function isContention(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return ['23505', '40001', '40P01', '42710', '42P06'].includes(state) || (state === 'XX000' && /tuple concurrently/.test((error as Error).message));
}
