import { refuse } from '@baton/kernel';
import { JOB_COLUMNS, JobsInHand, type Alongside } from '@baton/messaging';
import type { Database, Projection, Schema } from '@baton/postgres';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { findRebuilds, RebuildJob, type Rebuild } from './rebuild-job.js';

/** Rebuilds of one service's projections, while it goes on. */
export class Rebuilds {
  private readonly jobs = new JobsInHand();
  private readonly ending = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
    private readonly projections: readonly Projection[],
  ) {}

  /** Begins to derive a projection again, in the background of this process. @throws Refused `rule-broken` if there is none of that name */
  async start(name: string, mend: boolean, by: string, alongside?: Alongside): Promise<Rebuild> {
    const projection = this.projections.find((each) => each.name === name);
    if (!projection) throw refuse('rule-broken', 'projection-unknown', `This service has no such projection; it has: ${this.projections.map((each) => each.name).join(', ')}.`, { at: ['projection'] });
    const job = new RebuildJob(this.database, this.schema, projection, mend);
    await job.begin(by, alongside);
    this.jobs.add(job.run(this.ending.signal));
    return this.look(job.id);
  }

  /** How far a rebuild is, whichever process does it. @throws Refused `unknown` */
  async look(id: string): Promise<Rebuild> {
    const [found] = await findRebuilds(this.database, this.schema, id);
    if (!found) throw refuse('unknown', 'rebuild-unknown', 'There is no such rebuild.');
    return found;
  }

  /** Rebuilds of the last month, of all processes, the newest first; a hundred at most. */
  list(): Promise<Rebuild[]> {
    return findRebuilds(this.database, this.schema);
  }

  /** Ends those of this process behind the stretch they have in hand. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.jobs.ended();
  }
}

/** The migration that adds to a schema where its rebuilds are noted. */
export function rebuildMigration(schema: Schema): new () => MigrationInterface {
  return class Rebuilds1700000000200 implements MigrationInterface {
    readonly name = 'Rebuilds1700000000200';

    async up(runner: QueryRunner): Promise<void> {
      await runner.query(`
        CREATE TABLE ${schema}.rebuild (
          id uuid PRIMARY KEY,
          projection text NOT NULL,
          mend boolean NOT NULL,
          started_by text NOT NULL,
          looked integer NOT NULL DEFAULT 0,
          missing integer NOT NULL DEFAULT 0,
          surplus integer NOT NULL DEFAULT 0,
          ${JOB_COLUMNS}
        COMMENT ON TABLE ${schema}.rebuild IS 'Projections that were derived again: how far each rebuild is';`);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`DROP TABLE ${schema}.rebuild`);
    }
  };
}
