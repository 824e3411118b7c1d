import type { BatonEvent, NewEvent } from '@baton/contracts';
import { batonActs, newEventId } from '@baton/kernel';
import { roleOf, type Schema } from '@baton/postgres';
import { BenchPath, type BenchedServices } from './bench-path.js';
import { brokersOf } from './event-engine.js';
import { rawKafka } from './kafka/raw-kafka.js';
import { LogAppender } from './log.js';
import { writeOutbox } from './outbox.js';
import { inboxTables, logTables, outboxTables, parkingTables, relayTables } from './tables.js';

export interface MessagingBenchOptions extends BenchedServices {
  /** Events per measurement. */
  readonly events: number;
  /** Interleaved repeats; medians are given. */
  readonly repeats: number;
  /** Seconds of each pace. */
  readonly seconds: number;
}

/** Events per second (medians of interleaved repeats), and milliseconds. */
export interface MessagingFigures {
  /** Floors: batches of 500 appended to the log, or produced by kafkajs alone; over Kafka also consumed by kafkajs alone. */
  readonly append: number;
  readonly consume?: number;
  /** A backlog in the outbox carried to the transport. */
  readonly drain: number;
  /** A backlog in the transport carried to inbox and effect. */
  readonly applied: number;
  /** A backlog carried from the outbox until inbox and effect are committed. */
  readonly endToEnd: number;
  /** Commit of the outbox row → commit of the effect, by events a second that were asked for; `reached` is what came through. */
  readonly paced: readonly { readonly perSecond: number | 'full'; readonly reached: number; readonly p50: number; readonly p99: number }[];
}

/** DDL that the measurement needs, to be run as the administrator. */
export const messagingBenchTables = (schema: Schema): string => `SET ROLE ${roleOf(schema)}; ${outboxTables(schema)} ${relayTables(schema)} ${logTables(schema)} ${inboxTables(schema)} ${parkingTables(schema)} RESET ROLE;`;

export const BENCH_TOPICS = { path: 'baton.referrals.referral', floor: 'baton.referrals.bench-floor' } as const;

const TYPE = 'baton.referrals.referral-accepted.v1';
const BATCH = 500;
const AGGREGATES = 200;
const PACES = [1, 100, 1000, Infinity];
const caller = batonActs({ requestId: 'bench', correlationId: 'bench' });

/** Measures outbox, relay, transport and inbox against the transport alone, in one run. */
export async function benchMessaging(options: MessagingBenchOptions): Promise<MessagingFigures> {
  const bench = new MessagingBench(options);
  const rounds: Record<'append' | 'consume' | 'drain' | 'applied' | 'endToEnd', number>[] = [];
  for (let n = 0; n < options.repeats; n++) rounds.push({ append: await bench.append(), consume: await bench.consume(), drain: await bench.drain(), applied: await bench.applied(), endToEnd: await bench.endToEnd() });
  const middle = (name: keyof (typeof rounds)[number]): number => median(rounds.map((round) => round[name]));
  const paced = [];
  for (const pace of PACES) paced.push(await bench.paced(pace));
  return { append: middle('append'), ...(options.brokers === undefined ? {} : { consume: middle('consume') }), drain: middle('drain'), applied: middle('applied'), endToEnd: middle('endToEnd'), paced };
}

class MessagingBench {
  private readonly versions = new Map<string, number>();

  constructor(private readonly options: MessagingBenchOptions) {}

  async append(): Promise<number> {
    const batches = this.batches('floor').map((batch) => batch.map((event) => travelling(event, BENCH_TOPICS.floor)));
    const { brokers, referrals } = this.options;
    if (brokers !== undefined) return this.rate(await rawKafka(brokersOf(brokers)).produce(BENCH_TOPICS.floor, batches));
    const appender = new LogAppender(referrals, 'referrals');
    return this.perSecond(async () => {
      for (const batch of batches) await appender.append(batch);
    });
  }

  /** What the floor has just produced, read again by kafkajs alone. */
  async consume(): Promise<number> {
    const { brokers } = this.options;
    return brokers === undefined ? NaN : this.rate(await rawKafka(brokersOf(brokers)).consume(BENCH_TOPICS.floor, this.options.events));
  }

  async drain(): Promise<number> {
    await this.fillOutbox();
    const path = new BenchPath(this.options, TYPE);
    const rate = await this.perSecond(async () => {
      path.relay.start();
      while (path.relay.status().sent < this.options.events) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    await path.stop();
    return rate;
  }

  async applied(): Promise<number> {
    const path = await BenchPath.caughtUp(this.options, TYPE);
    await path.pause();
    for (const batch of this.batches('applied')) await path.publish(batch.map((event) => travelling(event, BENCH_TOPICS.path)));
    const rate = this.rate(await path.resume(this.options.events));
    await path.stop();
    return rate;
  }

  async endToEnd(): Promise<number> {
    const path = await BenchPath.caughtUp(this.options, TYPE);
    await this.fillOutbox();
    const rate = await this.perSecond(async () => {
      path.relay.start();
      await path.handled(this.options.events);
    });
    await path.stop();
    return rate;
  }

  /** Commits at a steady pace, several a transaction where they come quickly; Infinity: one transaction of 20 after the other. */
  async paced(perSecond: number): Promise<MessagingFigures['paced'][number]> {
    const path = await BenchPath.caughtUp(this.options, TYPE);
    path.relay.start();
    const perCommit = perSecond === Infinity ? 20 : Math.max(1, Math.round(perSecond / 100));
    const began = performance.now();
    let written = 0;
    for (const ends = began + this.options.seconds * 1000; performance.now() < ends; ) {
      const events = Array.from({ length: perCommit }, (_, n) => this.next(n, `paced-${written % AGGREGATES}`));
      await this.options.referrals.transaction((tx) => writeOutbox(tx, 'referrals', events, caller));
      const now = performance.now();
      for (const { key, version } of events) path.committed(key, version, now);
      written += perCommit;
      const due = began + (written / perSecond) * 1000;
      if (due > now) await new Promise((resolve) => setTimeout(resolve, due - now));
    }
    await path.handled(written);
    const reached = Math.round((written * 1000) / (performance.now() - began));
    const { latencies } = path;
    await path.stop();
    return { perSecond: perSecond === Infinity ? 'full' : perSecond, reached, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
  }

  private async fillOutbox(): Promise<void> {
    for (const batch of this.batches()) await this.options.referrals.transaction((tx) => writeOutbox(tx, 'referrals', batch, caller));
  }

  private batches(kind = 'bench'): NewEvent[][] {
    const { events } = this.options;
    return Array.from({ length: Math.ceil(events / BATCH) }, (_, b) => Array.from({ length: Math.min(BATCH, events - b * BATCH) }, (_, i) => this.next(i, kind)));
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
    return this.rate(performance.now() - began);
  }

  private rate(ms: number): number {
    return Math.round((this.options.events * 1000) / ms);
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

const travelling = (event: NewEvent, topic: string): BatonEvent => ({ ...event, id: newEventId(), topic, time: new Date().toISOString(), correlationId: 'bench', causationId: 'bench' });

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(2));
}
