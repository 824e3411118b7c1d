import { refuse } from '@baton/kernel';
import { Consumer, type ConsumerOptions, type Stretch } from './consumer.js';
import type { Alongside } from './discarded.js';
import { JobsInHand } from './job.js';
import { findReplays, ReplayJob, type Replay } from './replay-job.js';

/** Replays of one consumer. Its group reads on meanwhile; what both get takes effect once. */
export class Replays {
  private readonly jobs = new JobsInHand();

  /** @param options those of the consumer, with a durable connection */
  constructor(private readonly options: ConsumerOptions) {}

  /** Begins to take a stretch of time again, in the background of this process. */
  async start(stretch: Stretch, by: string, alongside?: Alongside): Promise<Replay> {
    const { database, schema, group } = this.options;
    const job = new ReplayJob(database, schema, new Consumer(this.options));
    await job.begin(group, stretch, by, alongside);
    this.jobs.add(job.run(stretch));
    return this.look(job.id);
  }

  /** How far a replay is, whichever process does it. @throws Refused `unknown` */
  async look(id: string): Promise<Replay> {
    const { database, schema, group } = this.options;
    const [replay] = await findReplays(database, schema, group, id);
    return replay ?? notThere();
  }

  /** Replays of the last month, of all processes, the newest first; a hundred at most. */
  list(): Promise<Replay[]> {
    const { database, schema, group } = this.options;
    return findReplays(database, schema, group);
  }

  /** Waits for those of this process, which end when their transport is closed. */
  async stop(): Promise<void> {
    await this.jobs.ended();
  }
}

function notThere(): never {
  throw refuse('unknown', 'replay-unknown', 'There is no such replay.');
}
