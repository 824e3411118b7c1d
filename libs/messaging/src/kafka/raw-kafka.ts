import type { BatonEvent } from '@baton/contracts';
import { newId } from '@baton/kernel';
import { kafkaClient } from './client.js';
import { messageOf } from './message.js';
import { kafkaPartitionOf } from './murmur2.js';

/** kafkajs alone, with the settings that the transport has: the floor of a measurement. */
export interface RawKafka {
  /** Milliseconds until all was acknowledged, batch after batch. */
  produce(topic: string, batches: readonly (readonly BatonEvent[])[]): Promise<number>;
  /** Milliseconds from the first fetch's beginning until so many had come to a new group, which does nothing with them. */
  consume(topic: string, count: number): Promise<number>;
}

/** @param brokers `host:port` of some brokers */
export function rawKafka(brokers: readonly string[]): RawKafka {
  const kafka = kafkaClient('baton-bench', { brokers });
  return {
    produce: async (topic, batches) => {
      const producer = kafka.producer({ createPartitioner: () => ({ message, partitionMetadata }) => kafkaPartitionOf(message.key as string, partitionMetadata.length), allowAutoTopicCreation: false, idempotent: false });
      await producer.connect();
      const began = performance.now();
      for (const batch of batches) await producer.sendBatch({ acks: -1, compression: 0, topicMessages: [{ topic, messages: batch.map(messageOf) }] });
      const took = performance.now() - began;
      await producer.disconnect();
      return took;
    },
    consume: async (topic, count) => {
      const consumer = kafka.consumer({ groupId: `bench.${newId()}`, allowAutoTopicCreation: false, maxWaitTimeInMs: 250, maxBytesPerPartition: 524_288, maxBytes: 5_242_880 });
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      let came = 0;
      let began = 0;
      consumer.on(consumer.events.FETCH_START, () => (began ||= performance.now()));
      const took = await new Promise<number>((resolve, reject) => {
        consumer
          .run({
            partitionsConsumedConcurrently: 64,
            eachBatch: async ({ batch }) => {
              came += batch.messages.length;
              if (came >= count) resolve(performance.now() - began);
            },
          })
          .catch(reject);
      });
      await consumer.disconnect();
      return took;
    },
  };
}
