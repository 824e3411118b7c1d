import { crashPoint, newId } from '@baton/kernel';
import { type Database, perSchema, type Reader, type Schema } from '@baton/postgres';
import type { Consumer, Stretch } from './consumer.js';
import type { Alongside } from './discarded.js';
import { errorClass } from './failure.js';
import { forgetOldJobs, jobState, newestJobs, withBeats, type Job } from './job.js';

/** What was published in a stretch of time, taken again by one consumer, and how far that is. */
export interface Replay extends Job {
  /** Of this moment on, and before that one; what was there when it began, if left out. */
  readonly since: Date;
  readonly until?: Date;
  /** Events that were read again; of those, events that took effect now, and events that were parked now. What took effect before is left out. */
  readonly read: number;
  readonly applied: number;
  readonly parked: number;
}

const begin = perSchema(
  (schema) => `WITH forgotten AS (${forgetOldJobs(`${schema}.replay`)})
    INSERT INTO ${schema}.replay (id, consumer, since, until, started_by) VALUES ($1::uuid, $2::text, $3::timestamptz, $4::timestamptz, $5::text)`,
);

const progress = perSchema(
  (schema) => `UPDATE ${schema}.replay SET read = $2::int, applied = $3::int, parked = $4::int, last_error = $5::text, beat_at = clock_timestamp(),
    ended_at = CASE WHEN $6::boolean THEN clock_timestamp() END WHERE id = $1::uuid AND ended_at IS NULL`,
);

const find = perSchema(
  (schema) => `SELECT id, since, until, started_by AS "startedBy", read, applied, parked, last_error AS "lastError", started_at AS "startedAt", ended_at AS "endedAt",
    ${jobState('last_error IS NULL')} AS state
    FROM ${schema}.replay WHERE consumer = $1::text AND ${newestJobs('$2')}`,
);

interface Row extends Omit<Replay, 'until' | 'lastError' | 'endedAt'> {
  readonly until: Date | null;
  readonly lastError: string | null;
  readonly endedAt: Date | null;
}

/** Replays of all processes, the newest first. @param id of one of them */
export async function findReplays(reader: Reader, schema: Schema, consumer: string, id?: string): Promise<Replay[]> {
  const rows = await reader.query<Row>(find(schema), [consumer, id ?? null]);
  return rows.map(({ until, lastError, endedAt, ...rest }) => ({ ...rest, ...(until ? { until } : {}), ...(lastError === null ? {} : { lastError }), ...(endedAt ? { endedAt } : {}) }));
}

/**
 * Takes a stretch of time again in the background of this process, beside the consumer's group, whose positions stay; notes each second how
 * far it is.
 */
export class ReplayJob {
  readonly id = newId();
  private read = 0;

  /** @param consumer takes the events; nobody else may use it meanwhile, for what it counts is told as progress */
  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
    private readonly consumer: Consumer,
  ) {}

  /** Notes what is to be done; nothing is done yet. */
  async begin(group: string, { since, until }: Stretch, by: string, alongside?: Alongside): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(begin(this.schema), [this.id, group, since, until ?? null, by]);
      crashPoint('replay.begun');
      await alongside?.(tx);
    });
  }

  /** Never rejects. */
  async run(stretch: Stretch): Promise<void> {
    const failure = await withBeats(
      () => this.note(false),
      () => this.consumer.replay(stretch, (events) => (this.read += events)),
    ).then(
      () => undefined,
      (error: unknown) => errorClass(error),
    );
    await this.note(true, failure).catch(() => undefined);
  }

  private async note(ended: boolean, failure?: string): Promise<void> {
    const { handled, parked } = this.consumer.status();
    await this.database.query(progress(this.schema), [this.id, this.read, handled, parked, failure ?? null, ended]);
    crashPoint('replay.progress-noted');
  }
}
