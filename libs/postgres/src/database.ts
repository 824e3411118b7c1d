import type { Duplex } from 'node:stream';
import { crashPoint } from '@baton/kernel';
import { Client, type ClientConfig, type PoolClient } from 'pg';
import { parse as parseDsn } from 'pg-connection-string';
import { DataSource, type MigrationInterface } from 'typeorm';
import { DatabaseClock } from './database-clock.js';
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
  /**
   * The transaction's last statement: it goes out in one flight with COMMIT, so what it refuses it must raise itself (PostgreSQL
   * then rolls back instead). Nothing may be asked of the transaction afterwards.
   */
  last<Row extends object>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>;
  /** Runs after COMMIT was confirmed, never after a rollback: to wake workers. Must not throw, must not wait. */
  afterCommit(hint: () => void): void;
  /** The same transaction under another role (`SET LOCAL ROLE`), for what is asked through it; only the gateway's login is granted this. */
  as(role: string): Tx;
}

/** A statement with its values. */
export type Ask = readonly [what: Statement, values: readonly unknown[]];

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
  /**
   * `lazy`: COMMIT does not wait for the disk (`synchronous_commit=off`). Only for work that is found again and done again after a
   * crash, and that nobody outside hears of before a commit that waits: that one takes all before it to the disk. `durable` if left out.
   */
  readonly commit?: 'durable' | 'lazy';
}

const MAX_TRIES = 3;
/** SQLSTATE of a statement that was not tried, because one before it had failed. */
const IN_FAILED_TRANSACTION = '25P02';

/**
 * Between the pool, which stops listening to a connection that it hands out, and TypeORM, which listens a moment later, a connection that is lost
 * would end the process. What is asked of it then fails by itself.
 */
class HeardClient extends Client {
  constructor(config: ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

/** A service's connection to PostgreSQL: pool, transactions, migrations. */
export class Database implements Reader {
  private readonly clock = new DatabaseClock();

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
        options: `${options.commit === 'lazy' ? '-c synchronous_commit=off ' : ''}-c search_path=${options.schema} -c idle_in_transaction_session_timeout=${options.idleInTransactionMs ?? 30_000} -c jit=off -c plan_cache_mode=force_generic_plan -c random_page_cost=1.1`,
        idleTimeoutMillis: 30_000,
        // Statements that do not wait for one another go out in one flight; each is still answered, and fails, by itself.
        pipeline: true,
        Client: HeardClient,
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
   * Statements that go out in one flight on one connection and are carried out in this order, each with its own snapshot and commit.
   * @returns the rows of each
   * @throws what the first of them that failed threw; those before and behind it may have been carried out
   */
  async inOrder<Rows extends readonly object[]>(...asks: { readonly [Nth in keyof Rows]: Ask }): Promise<{ [Nth in keyof Rows]: Rows[Nth][] }> {
    return this.withClient(async (client) => {
      const answers = await Promise.allSettled(asks.map(([what, values]) => run(client, what, values)));
      const failed = answers.find((answer) => answer.status === 'rejected');
      if (failed) throw failed.reason;
      return answers.map((answer) => (answer as PromiseFulfilledResult<object[]>).value) as { [Nth in keyof Rows]: Rows[Nth][] };
    });
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
      const { holds } = this.clock;
      const begun = holds ? inOneFlight(client, () => client.query('BEGIN')) : this.beginAndRead(client);
      begun.catch(() => undefined);
      if (!holds) await begun;
      crashPoint('tx.begun');
      const session = new Session(client, begun);
      try {
        const result = await work(new OpenTransaction(session, this.clock.now(), undefined));
        await session.commit();
        crashPoint('tx.committed');
        session.hints.forEach((hint) => hint());
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw await session.causeOf(error);
      }
    });
  }

  /** Begins, and reads the database's clock. */
  private async beginAndRead(client: PoolClient): Promise<void> {
    const answers = (await client.query('BEGIN; SELECT clock_timestamp() AS now')) as unknown as [unknown, { rows: { now: Date }[] }];
    this.clock.read(answers[1].rows[0]!.now);
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

/** Tag of a COMMIT that PostgreSQL turned into a rollback because a statement before it had failed. */
const ROLLED_BACK = 'ROLLBACK';

/** A transaction's connection, from BEGIN to COMMIT. */
class Session {
  readonly hints: (() => void)[] = [];
  /** Sent and not waited for: BEGIN, changes of role. They go out with the statement behind them and are heard before the end. */
  private readonly unheard: Promise<unknown>[];
  private role: string | undefined;
  private committing: Promise<void> | undefined;

  constructor(
    private readonly client: PoolClient,
    begun: Promise<unknown>,
  ) {
    this.unheard = [begun];
  }

  async ask<Row extends object>(role: string | undefined, what: Statement, values: readonly unknown[]): Promise<Row[]> {
    if (this.committing) throw new Error('A transaction was asked for more after its last statement');
    if (role !== this.role) this.become(role);
    return run<Row>(this.client, what, values);
  }

  async askLast<Row extends object>(role: string | undefined, what: Statement, values: readonly unknown[]): Promise<Row[]> {
    const rows = this.ask<Row>(role, what, values);
    this.committing = this.end();
    this.committing.catch(() => undefined);
    return rows;
  }

  commit(): Promise<void> {
    return this.committing ?? this.end();
  }

  private async end(): Promise<void> {
    crashPoint('tx.before-commit');
    const [ended] = await Promise.all([inOneFlight(this.client, () => this.client.query('COMMIT')), ...this.unheard]);
    if (ended.command === ROLLED_BACK) throw new Error('PostgreSQL rolled back: a statement had failed and its error was not passed on');
  }

  /** What stands behind an error: a statement sent without waiting may have failed first, and the later ones only for that. */
  async causeOf(error: unknown): Promise<unknown> {
    if (sqlState(error) !== IN_FAILED_TRANSACTION) return error;
    const failed = (await Promise.allSettled(this.unheard)).find((each) => each.status === 'rejected');
    return failed?.reason ?? error;
  }

  private become(role: string | undefined): void {
    const text = role === undefined ? 'RESET ROLE' : `SET LOCAL ROLE "${role.replaceAll('"', '""')}"`;
    const changed = inOneFlight(this.client, () => this.client.query(text));
    changed.catch(() => undefined);
    this.unheard.push(changed);
    this.role = role;
  }
}

class OpenTransaction implements Tx {
  constructor(
    private readonly session: Session,
    readonly now: Date,
    private readonly role: string | undefined,
  ) {}

  query<Row extends object>(what: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    return this.session.ask<Row>(this.role, what, values);
  }

  last<Row extends object>(what: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    return this.session.askLast<Row>(this.role, what, values);
  }

  afterCommit(hint: () => void): void {
    this.session.hints.push(hint);
  }

  as(role: string): Tx {
    return new OpenTransaction(this.session, this.now, role);
  }
}

async function run<Row extends object>(client: PoolClient, what: Statement, values: readonly unknown[]): Promise<Row[]> {
  const asked = { ...(what.name === '' ? {} : { name: what.name }), text: what.text, values: values as unknown[] };
  const result = await inOneFlight(client, () => client.query<Row>(asked));
  return result.rows;
}

/** What is asked of a connection in one turn leaves in one system call: each costs about as much as a small statement. */
function inOneFlight<T>(client: PoolClient, ask: () => T): T {
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
  stream.cork();
  process.nextTick(() => stream.uncork());
  return ask();
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

