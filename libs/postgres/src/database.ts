import { crashPoint } from '@baton/kernel';
import type { PoolClient } from 'pg';
import { parse as parseDsn } from 'pg-connection-string';
import { DataSource, type MigrationInterface } from 'typeorm';
import type { Statement } from './statement.js';

/** What reads: a transaction, or the pool (each call its own snapshot). */
export interface Reader {
  /** Runs a prepared statement. Values are sent apart from the text. @returns the rows */
  query<Row extends object>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>;
}

/**
 * One database transaction, isolation READ COMMITTED: each statement sees what was committed when it began.
 * Commands get it as their first parameter and never open one of their own.
 */
export interface Tx extends Reader {
  /** The database's time when the transaction began, in milliseconds. */
  readonly now: Date;
  /** Runs after COMMIT was confirmed, never after a rollback: to wake workers. Must not throw, must not wait. */
  afterCommit(hint: () => void): void;
  /** Runs the work under another role (`SET LOCAL ROLE`) and takes the role back; only the gateway's login is granted this. */
  as<T>(role: string, work: () => Promise<T>): Promise<T>;
}

export interface DatabaseOptions {
  /** `postgres://…`; a Unix socket's folder goes into `?host=`. */
  readonly dsn: string;
  /** Schema the service owns; its migrations are noted there. */
  readonly schema: string;
  readonly migrations?: readonly (new () => MigrationInterface)[];
  /** Connections at most, 2 at least (migration holds one as its lock). About 8 serve two cores best: more cost CPU and give nothing. */
  readonly poolSize?: number;
  /** Milliseconds an idle transaction may live before the server ends it (it would hold the relay back). */
  readonly idleInTransactionMs?: number;
}

interface StampRow {
  now: Date;
}

const MAX_TRIES = 3;

/** A service's connection to PostgreSQL: pool, transactions, migrations. */
export class Database implements Reader {
  private constructor(private readonly source: DataSource) {}

  /** Opens the pool; does not migrate. @throws if the database cannot be reached */
  static async open(options: DatabaseOptions): Promise<Database> {
    const dsn = parseDsn(options.dsn);
    const source = new DataSource({
      type: 'postgres',
      schema: options.schema,
      ...(dsn.host ? { host: dsn.host } : {}),
      ...(dsn.port ? { port: Number(dsn.port) } : {}),
      ...(dsn.user ? { username: dsn.user } : {}),
      ...(dsn.password ? { password: dsn.password } : {}),
      ...(dsn.database ? { database: dsn.database } : {}),
      ...(dsn.ssl === undefined ? {} : { ssl: dsn.ssl as boolean }),
      migrations: [...(options.migrations ?? [])],
      migrationsTableName: 'migration',
      migrationsTransactionMode: 'all',
      installExtensions: false,
      poolSize: options.poolSize ?? 8,
      applicationName: `baton ${options.schema}`,
      extra: {
        options: `-c search_path=${options.schema} -c idle_in_transaction_session_timeout=${options.idleInTransactionMs ?? 30_000} -c jit=off -c plan_cache_mode=force_generic_plan -c random_page_cost=1.1`,
        idleTimeoutMillis: 30_000,
        // Statements that do not wait for one another go out in one flight; each is still answered, and fails, by itself.
        pipeline: true,
      },
    });
    await source.initialize();
    return new Database(source);
  }

  /** Brings the schema up to date, as this service's own role. Safe when several instances start at once. */
  async migrate(): Promise<void> {
    const lock = this.source.createQueryRunner();
    const client = (await lock.connect()) as PoolClient;
    try {
      await client.query(`SELECT pg_advisory_lock(hashtext('baton migration ' || current_user))`);
      crashPoint('migration.locked');
      await this.source.runMigrations();
      crashPoint('migration.done');
    } finally {
      await client.query(`SELECT pg_advisory_unlock(hashtext('baton migration ' || current_user))`).catch(() => undefined);
      await lock.release();
    }
  }

  async query<Row extends object>(what: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    return this.withClient((client) => run<Row>(client, what, values));
  }

  /**
   * Runs the work in one transaction on one connection. Anything thrown rolls everything back and is thrown on.
   * Deadlocks and serialization failures are tried three times in all; the work must therefore have no effect outside.
   */
  async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once(work);
      } catch (error) {
        if (attempt >= MAX_TRIES || !isRetryable(error)) throw error;
      }
    }
  }

  private async once<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.withClient(async (client) => {
      // Two statements in one round trip: the transaction and the time it began at.
      const begun = (await client.query(`BEGIN; SELECT date_trunc('milliseconds', clock_timestamp()) AS now`)) as unknown as [unknown, { rows: StampRow[] }];
      crashPoint('tx.begun');
      const tx = new OpenTransaction(client, begun[1].rows[0]!.now);
      try {
        const result = await work(tx);
        crashPoint('tx.before-commit');
        await client.query('COMMIT');
        crashPoint('tx.committed');
        tx.hints.forEach((hint) => hint());
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  private async withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const runner = this.source.createQueryRunner();
    try {
      return await work((await runner.connect()) as PoolClient);
    } finally {
      await runner.release();
    }
  }

  /**
   * A connection of its own for as long as the caller needs it (LISTEN, session locks).
   * @returns the client and how to give it back
   */
  async dedicated(): Promise<{ client: PoolClient; release: () => Promise<void> }> {
    const runner = this.source.createQueryRunner();
    const client = (await runner.connect()) as PoolClient;
    return { client, release: () => runner.release() };
  }

  async close(): Promise<void> {
    await this.source.destroy();
  }
}

class OpenTransaction implements Tx {
  readonly hints: (() => void)[] = [];
  private role: string | undefined;

  constructor(
    private readonly client: PoolClient,
    readonly now: Date,
  ) {}

  async query<Row extends object>(what: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    return run<Row>(this.client, what, values);
  }

  afterCommit(hint: () => void): void {
    this.hints.push(hint);
  }

  async as<T>(role: string, work: () => Promise<T>): Promise<T> {
    const before = this.role;
    await this.become(role);
    // After an error the transaction is aborted and rolled back, and the role with it: nothing to take back then.
    const result = await work();
    await this.become(before);
    return result;
  }

  private async become(role: string | undefined): Promise<void> {
    await this.client.query(role === undefined ? 'RESET ROLE' : `SET LOCAL ROLE "${role.replaceAll('"', '""')}"`);
    this.role = role;
  }
}

async function run<Row extends object>(client: PoolClient, what: Statement, values: readonly unknown[]): Promise<Row[]> {
  const result = await client.query<Row>({ ...(what.name === '' ? {} : { name: what.name }), text: what.text, values: values as unknown[] });
  return result.rows;
}

/** SQLSTATE of a PostgreSQL error, if it is one. */
export function sqlState(error: unknown): string | undefined {
  const candidate = error as { code?: unknown; driverError?: { code?: unknown } } | null;
  const code = candidate?.code ?? candidate?.driverError?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Name of the constraint that a unique or check violation broke. */
export function brokenConstraint(error: unknown): string | undefined {
  const state = sqlState(error);
  return state?.startsWith('23') ? (error as { constraint?: string }).constraint : undefined;
}

/** Deadlock detected or serialization failure: the same work may succeed if tried again. */
export const isRetryable = (error: unknown): boolean => ['40P01', '40001'].includes(sqlState(error) ?? '');

/** The database cannot be reached, or ended the connection: nothing is wrong with the request. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  if (state) return state.startsWith('08') || state.startsWith('57P') || state === '53300';
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT'].includes(code ?? '') || /Connection terminated|timeout exceeded when trying to connect/.test(message ?? '');
}

