import { setTimeout as sleep } from 'node:timers/promises';
import type { BatonEvent } from '@baton/contracts';
import { applyTopics, planFor, type TopicPlan } from '@baton/kafka';
import { newId } from '@baton/kernel';
import { Kafka, logLevel, type KafkaConfig, type Message, type ProducerConfig } from 'kafkajs';
import { sampleEvent } from '../spec/sample-event.js';
import type { Received, Subscription } from '../transport.js';

/** A new topic of referrals, planned like all others but for what is given. */
export async function freshTopic(brokers: string, more: Partial<TopicPlan> = {}): Promise<string> {
  const plan = planFor(`baton.referrals.spec-${newId()}`);
  await applyTopics(brokers, [{ ...plan, ...more, settings: { ...plan.settings, ...more.settings } }]);
  return plan.topic;
}

export { sampleEvent as event };

export const versions = (topic: string, key: string, from: number, to: number): BatonEvent[] => Array.from({ length: to - from + 1 }, (_, i) => sampleEvent(topic, key, from + i));

/** What was handed over. */
export class Notes {
  readonly received: Received[] = [];
  readonly take: Subscription['handle'] = async (batch) => void this.received.push(...batch);

  of(key: string): number[] {
    return this.received.filter(({ event }) => event.key === key).map(({ event }) => event.version);
  }

  firstOf(key: string): number[] {
    return [...new Set(this.of(key))];
  }
}

/** Waits for something to come true. */
export async function until(check: () => boolean | Promise<boolean>, says: string, within = 20_000): Promise<void> {
  for (const deadline = Date.now() + within; !(await check()); await sleep(20)) if (Date.now() > deadline) throw new Error(`Not within ${within} ms: ${says}`);
}

/** kafkajs as others use it. */
export const plainKafka = (brokers: string, more: Partial<KafkaConfig> = {}): Kafka => new Kafka({ clientId: 'spec', brokers: brokers.split(','), logLevel: logLevel.NOTHING, ...more });

/** Sends messages as any other client might. */
export async function sendPlainly(brokers: string, topic: string, messages: Message[], more: { compression?: number; producer?: ProducerConfig } = {}): Promise<void> {
  const producer = plainKafka(brokers).producer({ createPartitioner: () => () => 0, ...more.producer });
  await producer.connect();
  try {
    await producer.send({ topic, messages, acks: -1, ...(more.compression === undefined ? {} : { compression: more.compression }) });
  } finally {
    await producer.disconnect();
  }
}
