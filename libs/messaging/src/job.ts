import type { Reader, Statement } from '@baton/postgres';

/** What operators start and this process does in the background: a retry of parked keys, a replay, a rebuild. */

const BEAT_MS = 1_000;

/** What every job tells of itself. */
export interface Job {
  readonly id: string;
  readonly startedBy: string;
  /** Class of the last failure. */
  readonly lastError?: string;
  readonly startedAt: Date;
  readonly endedAt?: Date;
  /** `stopped`: it failed, or its process ended before it was through. Nothing is lost by that; it may be started again. */
  readonly state: 'running' | 'done' | 'stopped';
}

/** Reads jobs by a statement that gives all but times and state as the object `job`, without nulls. */
export async function readJobs<Found extends Job>(reader: Reader, asked: Statement, values: readonly unknown[]): Promise<Found[]> {
  const rows = await reader.query<Pick<Job, 'startedAt' | 'state'> & { job: Omit<Found, 'startedAt' | 'endedAt' | 'state'>; endedAt: Date | null }>(asked, values);
  return rows.map(({ job, startedAt, state, endedAt }) => ({ ...job, startedAt, state, ...(endedAt === null ? {} : { endedAt }) }) as Found);
}

/** Jobs of this process that are not through. */
export class JobsInHand {
  private readonly running = new Set<Promise<void>>();

  add(run: Promise<void>): void {
    this.running.add(run);
    void run.finally(() => this.running.delete(run));
  }

  /** Waits for them; it ends none. */
  async ended(): Promise<void> {
    await Promise.all(this.running);
  }
}

/** The end of a table of jobs: how far each is, written each second while it runs. */
export const JOB_COLUMNS = `last_error text,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz
) WITH (fillfactor = 50);`;

/** SQL: `running`, `done` or `stopped`. Without a sign of life for ten seconds a job counts as dead. @param done whether one that ended was through */
export const jobState = (done: string): string =>
  `CASE WHEN ended_at IS NULL AND beat_at > clock_timestamp() - interval '10 s' THEN 'running' WHEN ended_at IS NOT NULL AND ${done} THEN 'done' ELSE 'stopped' END`;

/** SQL: the newest first, one by its id or (null) a page of those that are remembered. @param id placeholder of the id */
export const newestJobs = (id: string): string => `(${id}::uuid IS NULL OR id = ${id}::uuid) ORDER BY started_at DESC, id LIMIT 100`;

/** Part of a statement that begins a job: forgets those of a month ago. */
export const forgetOldJobs = (table: string): string => `DELETE FROM ${table} WHERE started_at < statement_timestamp() - interval '30 days'`;

/** Does the work, and notes each second how far it is. A note that fails is followed by another. */
export async function withBeats<T>(note: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  const beat = setInterval(() => void note().catch(() => undefined), BEAT_MS);
  beat.unref();
  return work().finally(() => clearInterval(beat));
}
