import type { BatonEvent } from '@baton/contracts';
import type { Database, Tx } from '@baton/postgres';
import { Consumer } from './consumer.js';
import { eventEngine } from './event-engine.js';
import { Relay } from './relay.js';
import type { Transport } from './transport.js';

/** Two services whose schemas hold this library's tables, and what carries their events. */
export interface BenchedServices {
  /** Durable connections. */
  readonly referrals: Database;
  readonly consent: Database;
  /** Connections for what moves events, that commit lazily. */
  readonly backgrounds: { readonly referrals: Database; readonly consent: Database };
  /** Kafka; the log in PostgreSQL if left out. */
  readonly brokers?: string;
}

/** A relay and a consumer as services have them, and when their events took effect. */
export class BenchPath {
  readonly relay: Relay;
  /** Milliseconds from commit to effect, of events whose commit was told. */
  readonly latencies: number[] = [];
  private readonly publishing: Transport;
  private readonly consuming: Transport;
  private readonly applying: Database;
  private consumer: Consumer;
  private done = 0;
  private goal = { count: Infinity, reached: (): void => undefined };
  private readonly commits = new Map<string, number>();
  private readonly effects = new Map<string, number>();
  private firstAt = 0;

  constructor(
    services: BenchedServices,
    private readonly type: string,
  ) {
    const { referrals, consent, backgrounds, brokers } = services;
    const engine = eventEngine(brokers);
    const report = (says: string): void => void process.stderr.write(`${says}\n`);
    this.publishing = engine.transportFor({ schema: 'referrals', database: referrals, background: backgrounds.referrals, report });
    this.consuming = engine.transportFor({ schema: 'consent', database: consent, background: backgrounds.consent, report });
    this.relay = new Relay({ database: backgrounds.referrals, schema: 'referrals', transport: this.publishing });
    this.applying = engine.effects === 'lazy' ? backgrounds.consent : consent;
    this.consumer = this.newConsumer();
  }

  /** Joined, and behind nothing. */
  static async caughtUp(services: BenchedServices, type: string): Promise<BenchPath> {
    const path = new BenchPath(services, type);
    await path.consumer.join();
    while ((await path.consumer.lag()).some(({ events }) => events > 0) || path.consumer.status().partitions === 0) await pause(20);
    path.done = 0;
    return path;
  }

  publish(events: readonly BatonEvent[]): Promise<void> {
    return this.publishing.publish(events);
  }

  /** The consumer leaves its group; what is published meanwhile waits. */
  async pause(): Promise<void> {
    await this.consumer.stop();
    this.consumer = this.newConsumer();
    this.done = 0;
    this.firstAt = 0;
  }

  /** The consumer joins again. @returns milliseconds from the first event until so many had taken effect; joining is not counted */
  async resume(count: number): Promise<number> {
    await this.consumer.join();
    await this.handled(count);
    return performance.now() - this.firstAt;
  }

  handled(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.goal = { count, reached: resolve };
      this.check();
    });
  }

  /** When an event's outbox row was committed. */
  committed(key: string, version: number, at: number): void {
    const name = `${key}:${version}`;
    const effect = this.effects.get(name);
    if (effect === undefined) this.commits.set(name, at);
    else this.latencies.push(Math.max(0, effect - at));
  }

  async stop(): Promise<void> {
    await this.consumer.stop();
    await this.relay.stop();
    await Promise.all([this.publishing.close(), this.consuming.close()]);
  }

  private newConsumer(): Consumer {
    const handler = async (tx: Tx, event: BatonEvent): Promise<void> => {
      if (this.firstAt === 0) this.firstAt = performance.now();
      tx.afterCommit(() => this.tookEffect(event));
    };
    return new Consumer({ database: this.applying, schema: 'consent', transport: this.consuming, group: 'bench', handlers: { [this.type]: handler } });
  }

  private tookEffect({ key, version }: BatonEvent): void {
    const now = performance.now();
    const name = `${key}:${version}`;
    const committed = this.commits.get(name);
    if (committed === undefined) this.effects.set(name, now);
    else this.latencies.push(now - committed);
    this.done++;
    this.check();
  }

  private check(): void {
    if (this.done >= this.goal.count) this.goal.reached();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
