import { refuse } from '@baton/kernel';
import type { Database, Schema } from '@baton/postgres';
import { discardGroup, discardParked, listDiscarded, restoreDiscarded, type Alongside, type Because, type Discarded } from './discarded.js';
import { errorClass } from './failure.js';
import { JobsInHand } from './job.js';
import { Judge, NEWER_MAJOR, OLDER_MAJOR, type Handlers } from './judge.js';
import type { Where } from './parked.js';
import { countParked, groupParked, listParked, openEvent, type Listing, type OpenedEvent, type Page, type Parked, type ParkedFilter, type ParkedGroup, type PlaceInList } from './parked-queries.js';
import { findJobs, keysOf, RedriveJob, type RetryJob } from './redrive-job.js';
import { redrive, type Redriven } from './redrive.js';

export interface ParkingOptions {
  /** The consuming service's own connection and schema (made with `inboxTables` and `parkingTables`). Durable, where an operator must be sure. */
  readonly database: Database;
  readonly schema: Schema;
  /** Name of the consumer. */
  readonly group: string;
  readonly handlers: Handlers;
}

/** How often it is looked for keys that wait for a version of the service that is here now. */
const UPGRADE_MS = 30_000;

/** What a consumer could not apply, and what an operator does about it. It works beside the running consumer: keys are locked in the database. */
export class Parking {
  private readonly judge: Judge;
  private readonly jobs = new JobsInHand();
  private readonly ending = new AbortController();
  private upgrades: NodeJS.Timeout | undefined;

  constructor(private readonly options: ParkingOptions) {
    this.judge = new Judge(options.handlers);
  }

  /** Keys that are parked, the oldest first, with their events. */
  list(listing: Listing = {}): Promise<Page<Parked>> {
    const { database, schema, group } = this.options;
    return listParked(database, schema, group, listing);
  }

  /** How many keys are parked. */
  count(): Promise<number> {
    return countParked(this.options.database, this.options.schema, this.options.group);
  }

  /** What is parked by topic and error class, with the oldest of each. */
  groups(): Promise<ParkedGroup[]> {
    return groupParked(this.options.database, this.options.schema, this.options.group);
  }

  /** One key. @param events at most, in order @throws Refused `unknown` if it is not parked */
  async look(where: Where, events?: number): Promise<Parked> {
    const [parked] = (await this.list({ ...where, events })).items;
    return parked ?? notParked('Nothing is parked under this topic and key.');
  }

  /** What an event says. Whoever is shown this must be allowed to. @param where it is parked; left out, it may be a discarded one @throws Refused `unknown` */
  async open(id: string, where?: Where): Promise<OpenedEvent> {
    const { database, schema, group } = this.options;
    return (await openEvent(database, schema, group, id, where)) ?? notParked('No such event is parked here.');
  }

  /** Tries one key again: its events in order, each in a transaction of its own, until one fails. */
  retry(where: Where): Promise<Redriven> {
    const { database, schema, group } = this.options;
    return redrive(database, schema, { ...where, consumer: group }, this.judge);
  }

  /** Tries all keys that fit again, one after the other. */
  async retryAll(filter: ParkedFilter = {}): Promise<Redriven[]> {
    const { database, schema, group } = this.options;
    const done: Redriven[] = [];
    for (const where of await keysOf(database, schema, group, filter)) done.push(await this.retry(where));
    return done;
  }

  /**
   * Begins to try all keys that fit again, in the background of this process; how far it is can be asked everywhere. Two at once are harmless.
   * @throws Refused `unknown` if it is one key, and that is not parked
   */
  async startRetry(filter: ParkedFilter, by: string, alongside?: Alongside): Promise<RetryJob> {
    const { database, schema, group } = this.options;
    const keys = await keysOf(database, schema, group, filter);
    if (filter.key !== undefined && keys.length === 0) notParked('Nothing is parked under this topic and key.');
    const job = new RedriveJob(database, schema, keys, (where) => this.retry(where));
    await job.begin(group, filter, by, alongside);
    this.jobs.add(job.run(this.ending.signal));
    return this.retryJob(job.id);
  }

  /** Retries of the last month, of all processes, the newest first; a hundred at most. */
  retryJobs(): Promise<RetryJob[]> {
    const { database, schema, group } = this.options;
    return findJobs(database, schema, group);
  }

  /** How far a retry is. @throws Refused `unknown` */
  async retryJob(id: string): Promise<RetryJob> {
    const { database, schema, group } = this.options;
    const [job] = await findJobs(database, schema, group, id);
    if (!job) throw refuse('unknown', 'retry-unknown', 'There is no such retry.');
    return job;
  }

  /** Gives up one parked event, with a reason that is kept. @throws Refused `unknown` if it is not parked */
  discard(where: Where, id: string, because: Because, alongside?: Alongside): Promise<void> {
    const { database, schema, group } = this.options;
    return discardParked(database, schema, group, where, id, because, alongside);
  }

  /** Gives up the failed event of each key that fits. @returns how many */
  discardGroup(filter: ParkedFilter, because: Because, alongside?: Alongside): Promise<number> {
    const { database, schema, group } = this.options;
    return discardGroup(database, schema, group, filter, because, alongside);
  }

  /** What was given up, newest first. */
  discarded(after?: PlaceInList, limit?: number): Promise<Page<Discarded>> {
    const { database, schema, group } = this.options;
    return listDiscarded(database, schema, group, after, limit);
  }

  /** Takes a discarded event back to its place; its key is shut until it is retried. @throws Refused `unknown`, `conflict` */
  restore(id: string, alongside?: Alongside): Promise<Where> {
    const { database, schema, group } = this.options;
    return restoreDiscarded(database, schema, group, id, alongside);
  }

  /** Tries again what waited for another version of this service, if it is this one. */
  async retryAfterUpgrade(): Promise<Redriven[]> {
    const waiting = await Promise.all([NEWER_MAJOR, OLDER_MAJOR].map((error) => this.list({ error, events: 1 })));
    const done: Redriven[] = [];
    for (const { topic, key, events } of waiting.flatMap(({ items }) => items)) {
      if (events.some(({ type }) => Object.hasOwn(this.options.handlers, type))) done.push(await this.retry({ topic, key }));
    }
    return done;
  }

  /** From now on nobody has to ask for {@link retryAfterUpgrade}; old and new version of the service may run side by side meanwhile. */
  watchUpgrades(report: (retried: readonly Redriven[], error?: string) => void): void {
    let busy = false;
    const look = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      await this.retryAfterUpgrade().then(report, (error: unknown) => report([], errorClass(error)));
      busy = false;
    };
    this.jobs.add(look());
    this.upgrades = setInterval(() => this.jobs.add(look()), UPGRADE_MS);
    this.upgrades.unref();
  }

  /** Stops retries behind the key in hand. */
  async stop(): Promise<void> {
    clearInterval(this.upgrades);
    this.ending.abort();
    await this.jobs.ended();
  }
}

function notParked(says: string): never {
  throw refuse('unknown', 'not-parked', says);
}
