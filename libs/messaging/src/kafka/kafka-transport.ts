import type { BatonEvent } from '@baton/contracts';
import type { Schema } from '@baton/postgres';
import type { Kafka } from 'kafkajs';
import { publisherOf } from '../envelope.js';
import type { Lag, ReplayRequest, Subscribed, Subscription, Transport } from '../transport.js';
import { AdminConnection, kafkaClient, type KafkaCluster } from './client.js';
import { kafkaLag } from './lag.js';
import { KafkaMember } from './member.js';
import { KafkaPublisher } from './publisher.js';
import { replayKafka } from './replay.js';

export interface KafkaTransportOptions extends KafkaCluster {
  /** The service: its client id, and the only one whose topics it may append to. */
  readonly schema: Schema;
  /** Milliseconds after which a member that shows no sign of life loses its partitions. The brokers' least is usually 6,000. */
  readonly sessionMs?: number;
  /** Told in one sentence what goes wrong with the event engine. Default: nobody. */
  readonly report?: (says: string) => void;
}

/** A service starts although the event engine is away; it waits so long for its group, in milliseconds. */
const JOIN_PATIENCE = 10_000;

/** Apache Kafka: the transport of the distributed engines. Topics are made beforehand, by `infra/kafka`. */
export class KafkaTransport implements Transport {
  private readonly kafka: Kafka;
  private readonly admin: AdminConnection;
  private readonly publisher: KafkaPublisher;
  private readonly members = new Map<KafkaMember, Subscription>();
  private readonly replays = new Set<Promise<unknown>>();
  private readonly ending = new AbortController();

  constructor(private readonly options: KafkaTransportOptions) {
    this.kafka = kafkaClient(`baton-${options.schema}`, options);
    this.admin = new AdminConnection(this.kafka);
    this.publisher = new KafkaPublisher(this.kafka);
  }

  async publish(events: readonly BatonEvent[]): Promise<void> {
    if (events.length === 0) return;
    const foreign = events.find((event) => publisherOf(event.topic) !== this.options.schema);
    if (foreign) throw new Error(`${this.options.schema} may not publish to ${foreign.topic}`);
    await this.publisher.publish(events);
  }

  async subscribe(subscription: Subscription): Promise<Subscribed> {
    const { sessionMs = 10_000, report = () => undefined } = this.options;
    const member = new KafkaMember(subscription, { kafka: this.kafka, admin: this.admin, sessionMs, report });
    this.members.set(member, subscription);
    await member.join(JOIN_PATIENCE);
    return {
      status: () => member.status(),
      close: async () => {
        await member.close();
        this.members.delete(member);
      },
    };
  }

  async replay(request: ReplayRequest): Promise<number> {
    const running = replayKafka(this.kafka, this.admin, `replay.${this.options.schema}`, request, this.ending.signal);
    this.replays.add(running);
    try {
      return await running;
    } finally {
      this.replays.delete(running);
    }
  }

  lag(group: string): Promise<Lag[]> {
    const topics = [...this.members.values()].filter((subscription) => subscription.group === group).flatMap((subscription) => subscription.topics);
    return kafkaLag(this.admin, group, topics);
  }

  async close(): Promise<void> {
    this.ending.abort();
    await Promise.all([...this.members.keys()].map((member) => member.close()));
    this.members.clear();
    await Promise.allSettled(this.replays);
    await Promise.all([this.publisher.close(), this.admin.close()]);
  }
}
