import { setTimeout as sleep } from 'node:timers/promises';
import { crashPoint, newId } from '@baton/kernel';
import { type Database, perSchema, type Reader, type Schema } from '@baton/postgres';
import type { Alongside } from './discarded.js';
import { errorClass, passes } from './failure.js';
import { forgetOldJobs, jobState, newestJobs, readJobs, withBeats, type Job } from './job.js';
import type { Where } from './parked.js';
import { FITS, filterValues, type ParkedFilter } from './parked-queries.js';
import type { Redriven } from './redrive.js';

/** A retry of many keys, and how far it is. */
export interface RetryJob extends Job {
  /** Which keys were meant. */
  readonly topic?: string;
  readonly key?: string;
  readonly error?: string;
  /** Keys that fitted when it began; of those, keys that are open now, and keys that something stopped again. */
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  /** Events that took effect. */
  readonly applied: number;
}

/** Keys are independent of one another; each takes a connection. */
const KEYS_AT_ONCE = 4;

/** Between tries while the database or a dependency is away. */
const AWAY_MS = 1_000;

const keysThatFit = perSchema((schema) => `SELECT k.topic, k.key FROM ${schema}.parked_key k WHERE ${FITS} ORDER BY k.first_seen, k.topic, k.key`);

/** Keys that fit a filter, the one shut longest first. */
export const keysOf = (reader: Reader, schema: Schema, consumer: string, filter: ParkedFilter): Promise<Where[]> => reader.query<Where>(keysThatFit(schema), filterValues(consumer, filter));

const begin = perSchema(
  (schema) => `WITH forgotten AS (${forgetOldJobs(`${schema}.redrive`)})
    INSERT INTO ${schema}.redrive (id, consumer, topic, key, error, started_by, total) VALUES ($5::uuid, $1::text, $2::text, $3::text, $4::text, $6::text, $7::int)`,
);

const progress = perSchema(
  (schema) => `UPDATE ${schema}.redrive SET done = $2::int, failed = $3::int, applied = $4::int, last_error = $5::text, beat_at = clock_timestamp(),
    ended_at = CASE WHEN $6::boolean THEN clock_timestamp() END WHERE id = $1::uuid AND ended_at IS NULL`,
);

const find = perSchema(
  (schema) => `SELECT json_strip_nulls(json_build_object('id', id, 'topic', topic, 'key', key, 'error', error, 'startedBy', started_by, 'total', total, 'done', done, 'failed', failed, 'applied', applied, 'lastError', last_error)) AS job,
    started_at AS "startedAt", ended_at AS "endedAt",
    ${jobState('done + failed >= total')} AS state
    FROM ${schema}.redrive WHERE consumer = $1::text AND ${newestJobs('$2')}`,
);

/** Retries of all processes, the newest first. @param id of one of them */
export const findJobs = (reader: Reader, schema: Schema, consumer: string, id?: string): Promise<RetryJob[]> => readJobs(reader, find(schema), [consumer, id ?? null]);

/** Retries keys, a few at once and each by itself, in the background of this process, and notes each second how far it is. */
export class RedriveJob {
  readonly id = newId();
  private done = 0;
  private failed = 0;
  private applied = 0;
  private lastError: string | null = null;

  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
    private readonly keys: readonly Where[],
    private readonly retry: (where: Where) => Promise<Redriven>,
  ) {}

  /** Notes what is to be done; nothing is done yet. */
  async begin(consumer: string, filter: ParkedFilter, by: string, alongside?: Alongside): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(begin(this.schema), [...filterValues(consumer, filter), this.id, by, this.keys.length]);
      crashPoint('redrive.begun');
      await alongside?.(tx);
    });
  }

  /** @param ending stops it behind the keys in hand. Never rejects. */
  async run(ending: AbortSignal): Promise<void> {
    await withBeats(
      () => this.note(false),
      async () => {
        const keys = this.keys.values();
        const lane = async (): Promise<void> => {
          for (const where of keys) {
            if (ending.aborted) return;
            await this.one(where, ending);
          }
        };
        await Promise.all(Array.from({ length: KEYS_AT_ONCE }, lane));
      },
    );
    // The last note is tried until it is through.
    await this.patiently(() => this.note(true), ending);
  }

  private async one(where: Where, ending: AbortSignal): Promise<void> {
    let tried: Redriven | undefined;
    try {
      tried = await this.patiently(() => this.retry(where), ending);
      if (!tried) return;
    } catch (error) {
      tried = { ...where, applied: 0, stoppedBy: errorClass(error) };
    }
    this.applied += tried.applied;
    if (tried.stoppedBy === undefined) this.done++;
    else {
      this.failed++;
      this.lastError = tried.stoppedBy;
    }
  }

  private async note(ended: boolean): Promise<void> {
    await this.database.query(progress(this.schema), [this.id, this.done, this.failed, this.applied, this.lastError, ended]);
    crashPoint('redrive.progress-noted');
  }

  /** Tries again what passes by itself. @returns undefined if it was to end meanwhile */
  private async patiently<T>(work: () => Promise<T>, ending: AbortSignal): Promise<T | undefined> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!passes(error)) throw error;
        if (ending.aborted) return undefined;
        await sleep(AWAY_MS, undefined, { signal: ending }).catch(() => undefined);
      }
    }
  }
}
