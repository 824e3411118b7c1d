import type { BatonEvent, NewEvent } from '@baton/contracts';
import { batonActs, newEventId } from '@baton/kernel';
import { roleOf, type Database, type Schema } from '@baton/postgres';
import { Consumer } from './consumer.js';
import { LogAppender } from './log.js';
import { LogTails } from './log-tails.js';
import { writeOutbox } from './outbox.js';
import { PostgresTransport } from './postgres-transport.js';
import { Relay } from './relay.js';
import { inboxTables, logTables, outboxTables, parkingTables, relayTables } from './tables.js';

export interface MessagingBenchOptions {
  /** Connections of a publishing and a consuming service whose schemas hold this library's tables. */
  readonly referrals: Database;
  readonly consent: Database;
  /** Events per measurement. */
  readonly events?: number;
  /** Groups that each consume everything. */
  readonly groups?: number;
  /** Interleaved repeats; medians are given. */
  readonly repeats?: number;
}

/** Events per second, medians of interleaved repeats. */
export interface MessagingFigures {
  /** Floor: appends to the log in batches of 500, nothing else. */
  readonly append: number;
  /** A backlog in the outbox carried to the log. */
  readonly drain: number;
  /** A backlog carried from the outbox through the log until every group's inbox and effect are committed, per group. */
  readonly endToEnd: number;
  /** One event at a time: milliseconds from the commit of the outbox row to the commit of the effect, p50 and p99. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Append of one event, acknowledged: the floor of that latency. */
  readonly appendAckMs: { readonly p50: number; readonly p99: number };
}

/** DDL that the measurement needs, to be run as the role of the schema. */
export const messagingBenchTables = (schema: Schema): string => `SET ROLE ${roleOf(schema)}; ${outboxTables(schema)} ${relayTables(schema)} ${logTables(schema)} ${inboxTables(schema)} ${parkingTables(schema)} RESET ROLE;`;

const TYPE = 'baton.referrals.referral-accepted.v1';
const TOPIC = 'baton.referrals.referral';
const BATCH = 500;
const AGGREGATES = 200;
const caller = batonActs({ requestId: 'bench', correlationId: 'bench' });

/** Measures outbox, relay, log and inbox against appending alone, in one run. */
export async function benchMessaging(options: MessagingBenchOptions): Promise<MessagingFigures> {
  const bench = new MessagingBench(options);
  const rounds: { append: number; drain: number; endToEnd: number }[] = [];
  for (let n = 0; n < (options.repeats ?? 5); n++) rounds.push({ append: await bench.append(), drain: await bench.drain(), endToEnd: await bench.endToEnd() });
  const single = await bench.single();
  return { append: median(rounds.map((r) => r.append)), drain: median(rounds.map((r) => r.drain)), endToEnd: median(rounds.map((r) => r.endToEnd)), ...single };
}

class MessagingBench {
  private readonly events: number;
  private readonly groups: number;
  private readonly versions = new Map<string, number>();

  constructor(private readonly options: MessagingBenchOptions) {
    this.events = options.events ?? 10_000;
    this.groups = options.groups ?? 1;
  }

  async append(): Promise<number> {
    const appender = new LogAppender(this.options.referrals, 'referrals');
    const batches = this.batches('floor').map((batch) => batch.map(travelling));
    return this.perSecond(async () => {
      for (const batch of batches) await appender.append(batch);
    });
  }

  async drain(): Promise<number> {
    await this.fillOutbox();
    const relay = new Relay({ database: this.options.referrals, schema: 'referrals', transport: new PostgresTransport({ database: this.options.referrals, schema: 'referrals' }) });
    const rate = await this.perSecond(async () => {
      let sent = 0;
      while (sent < this.events) sent += await relay.pass();
    });
    await relay.stop();
    return rate;
  }

  async endToEnd(): Promise<number> {
    const path = await this.path(this.groups);
    await this.fillOutbox();
    const rate = await this.perSecond(async () => {
      path.relay.start();
      await path.handled(this.events);
    });
    await path.stop();
    return rate;
  }

  async single(): Promise<Pick<MessagingFigures, 'latencyMs' | 'appendAckMs'>> {
    const path = await this.path(1);
    path.relay.start();
    const appender = new LogAppender(this.options.referrals, 'referrals');
    const [latency, ack]: [number[], number[]] = [[], []];
    for (let n = 1; n <= 500; n++) {
      const event = this.next(n);
      await this.options.referrals.transaction((tx) => writeOutbox(tx, 'referrals', [event], caller));
      const committed = performance.now();
      await path.handled(n);
      latency.push(performance.now() - committed);
      const before = performance.now();
      await appender.append([{ ...travelling(event), topic: 'baton.referrals.bench-floor' }]);
      ack.push(performance.now() - before);
    }
    await path.stop();
    return { latencyMs: quantiles(latency), appendAckMs: quantiles(ack) };
  }

  /** Relay and consumers, which are behind nothing when this returns. */
  private async path(groups: number): Promise<{ relay: Relay; handled: (count: number) => Promise<void>; stop: () => Promise<void> }> {
    const tails = new LogTails(this.options.consent);
    const publishing = new PostgresTransport({ database: this.options.referrals, schema: 'referrals', tails });
    const consuming = new PostgresTransport({ database: this.options.consent, schema: 'consent', tails });
    const goal = { count: Infinity, reached: (): void => undefined };
    const consumers: Consumer[] = [];
    const check = (): void => {
      if (consumers.every((consumer) => consumer.status().handled - (base.get(consumer) ?? 0) >= goal.count)) goal.reached();
    };
    const base = new Map<Consumer, number>();
    for (let n = 0; n < groups; n++) {
      const handlers = { [TYPE]: async (tx: { afterCommit(hint: () => void): void }) => tx.afterCommit(() => setImmediate(check)) };
      const consumer = new Consumer({ database: this.options.consent, schema: 'consent', transport: consuming, group: `bench-${n}`, handlers, batchSize: BATCH });
      await consumer.join();
      consumers.push(consumer);
    }
    for (const consumer of consumers) while ((await consumer.lag()).some(({ events }) => events > 0)) await new Promise((resolve) => setTimeout(resolve, 20));
    consumers.forEach((consumer) => base.set(consumer, consumer.status().handled));
    const relay = new Relay({ database: this.options.referrals, schema: 'referrals', transport: publishing });
    return {
      relay,
      handled: (count) =>
        new Promise((resolve) => {
          Object.assign(goal, { count, reached: resolve });
          check();
        }),
      stop: async () => {
        await Promise.all(consumers.map((consumer) => consumer.stop()));
        await relay.stop();
        await Promise.all([publishing.close(), consuming.close()]);
      },
    };
  }

  private async fillOutbox(): Promise<void> {
    for (const batch of this.batches()) await this.options.referrals.transaction((tx) => writeOutbox(tx, 'referrals', batch, caller));
  }

  private batches(kind = 'bench'): NewEvent[][] {
    return Array.from({ length: Math.ceil(this.events / BATCH) }, (_, b) => Array.from({ length: Math.min(BATCH, this.events - b * BATCH) }, (_, i) => this.next(i, kind)));
  }

  private next(n: number, kind = 'bench'): NewEvent {
    const key = `${kind}-${n % AGGREGATES}`;
    const version = (this.versions.get(key) ?? 0) + 1;
    this.versions.set(key, version);
    return { type: TYPE, key, version, data: thin(key, version) };
  }

  private async perSecond(work: () => Promise<void>): Promise<number> {
    const began = performance.now();
    await work();
    return Math.round((this.events * 1000) / (performance.now() - began));
  }
}

const thin = (key: string, version: number): Record<string, unknown> => ({
  referral: key,
  task: 'task-1',
  patient: 'patient-1',
  referrer: 'rapid-response',
  service: 'safe-zone-north',
  recipients: ['safe-zones'],
  status: 'accepted',
  priority: 'urgent',
  pathway: { id: 'example', version: '1' },
  named: [],
  dataref: `ServiceRequest/${key}/_history/${version}`,
  taskref: `Task/${key}/_history/${version}`,
});

const travelling = (event: NewEvent): BatonEvent => ({ ...event, id: newEventId(), topic: TOPIC, time: new Date().toISOString(), correlationId: 'bench', causationId: 'bench' });

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function quantiles(values: readonly number[]): { p50: number; p99: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number => Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(2));
  return { p50: at(0.5), p99: at(0.99) };
}
