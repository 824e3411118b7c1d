import { crashPoint, newId } from '@baton/kernel';
import { errorClass, forgetOldJobs, jobState, newestJobs, readJobs, withBeats, type Alongside, type Job } from '@baton/messaging';
import { perSchema, type Database, type Projection, type Reader, type Schema } from '@baton/postgres';

/** A projection that is derived again, and how far that is. */
export interface Rebuild extends Job {
  readonly projection: string;
  /** False: what differs is only counted. */
  readonly mend: boolean;
  /** Keys that were derived again; rows that were missing, and rows that should not have been there. */
  readonly looked: number;
  readonly missing: number;
  readonly surplus: number;
}

const begin = perSchema(
  (schema) => `WITH forgotten AS (${forgetOldJobs(`${schema}.rebuild`)})
    INSERT INTO ${schema}.rebuild (id, projection, mend, started_by) VALUES ($1::uuid, $2::text, $3::boolean, $4::text)`,
);

const progress = perSchema(
  (schema) => `UPDATE ${schema}.rebuild SET looked = $2::int, missing = $3::int, surplus = $4::int, last_error = $5::text, beat_at = clock_timestamp(),
    ended_at = CASE WHEN $6::boolean THEN clock_timestamp() END WHERE id = $1::uuid AND ended_at IS NULL`,
);

const find = perSchema(
  (schema) => `SELECT json_strip_nulls(json_build_object('id', id, 'projection', projection, 'mend', mend, 'startedBy', started_by, 'looked', looked, 'missing', missing, 'surplus', surplus, 'lastError', last_error)) AS job,
    started_at AS "startedAt", ended_at AS "endedAt", ${jobState('last_error IS NULL')} AS state
    FROM ${schema}.rebuild WHERE ${newestJobs('$1')}`,
);

/** Rebuilds of all processes, the newest first. @param id of one of them */
export const findRebuilds = (reader: Reader, schema: Schema, id?: string): Promise<Rebuild[]> => readJobs(reader, find(schema), [id ?? null]);

/** Derives a projection again in the background of this process, and notes each second how far it is. */
export class RebuildJob {
  readonly id = newId();
  private looked = 0;
  private missing = 0;
  private surplus = 0;

  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
    private readonly projection: Projection,
    private readonly mend: boolean,
  ) {}

  /** Notes what is to be done; nothing is done yet. */
  async begin(by: string, alongside?: Alongside): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(begin(this.schema), [this.id, this.projection.name, this.mend, by]);
      crashPoint('rebuild.begun');
      await alongside?.(tx);
    });
  }

  /** @param ending stops it behind the stretch in hand. Never rejects. */
  async run(ending: AbortSignal): Promise<void> {
    const failure = await withBeats(
      () => this.note(false),
      () => this.derive(ending),
    ).then(
      () => (ending.aborted ? 'ServiceStopped' : undefined),
      (error: unknown) => errorClass(error),
    );
    await this.note(true, failure).catch(() => undefined);
  }

  private async derive(ending: AbortSignal): Promise<void> {
    for await (const { looked, missing, surplus } of this.projection.rebuild(this.database, this.mend)) {
      this.looked += looked;
      this.missing += missing;
      this.surplus += surplus;
      crashPoint('rebuild.stretch-done');
      if (ending.aborted) return;
    }
  }

  private async note(ended: boolean, failure?: string): Promise<void> {
    await this.database.query(progress(this.schema), [this.id, this.looked, this.missing, this.surplus, failure ?? null, ended]);
    crashPoint('rebuild.progress-noted');
  }
}
