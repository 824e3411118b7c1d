import type { BatonEvent } from '@baton/contracts';
import { crashPoint } from '@baton/kernel';
import type { CompressionTypes, Kafka, Producer } from 'kafkajs';
import { setTimeout as sleep } from 'node:timers/promises';
import { atMost, causeOf, isPassing, METADATA_MAX_AGE, pauses } from './client.js';
import { messageOf, sizeOf, type OutgoingMessage } from './message.js';
import { kafkaPartitionOf, keyHash } from './murmur2.js';

/** Batches that share a slot wait for one another, whoever published them. The same key has the same slot. */
const SLOTS = 64;

/** Bytes of one request at most, so that what lands in one partition stays below a broker's `max.message.bytes`. */
const REQUEST_BYTES = 800_000;

/** A batch is tried again for so long, in milliseconds: new leaders are found in less. */
const PATIENCE = 30_000;

/** `CompressionTypes.None` of kafkajs, which is not loaded for it. */
const UNCOMPRESSED = 0 as CompressionTypes.None;

/** Longer than kafkajs waits for an answer, in milliseconds. */
const ANSWERED_WITHIN = 15_000;

/** kafkajs has neither failed nor succeeded: where a broker stood still while it connected it may wait for ever. */
class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** @throws NoAnswer when nothing comes of it in good time; what it threw */
async function answered(asked: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new NoAnswer()), ANSWERED_WITHIN)));
  asked.catch(() => undefined);
  await Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

type Outgoing = readonly { readonly topic: string; readonly message: OutgoingMessage; readonly slot: number }[];

/** The writing end: one request in flight per slot, each acknowledged by all replicas in sync. */
export class KafkaPublisher {
  private producer: Producer;
  private readonly tails: Promise<unknown>[] = Array.from({ length: SLOTS }, () => Promise.resolve());
  private connected: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly kafka: Kafka) {
    this.producer = this.newProducer();
  }

  /** @throws when it was not acknowledged in good time: publish the batch again */
  async publish(events: readonly BatonEvent[]): Promise<void> {
    const outgoing = events.map((event) => ({ topic: event.topic, message: messageOf(event), slot: keyHash(event.key) % SLOTS }));
    const slots = [...new Set(outgoing.map(({ slot }) => slot))];
    const sent = Promise.all(slots.map((slot) => this.tails[slot]!)).then(() => this.send(outgoing));
    const settled = sent.catch(() => undefined);
    for (const slot of slots) this.tails[slot] = settled;
    await sent;
  }

  async close(): Promise<void> {
    this.closed = true;
    await atMost(PATIENCE, Promise.all(this.tails));
    if (this.connected) await atMost(3000, this.producer.disconnect());
  }

  private async send(outgoing: Outgoing): Promise<void> {
    for (const part of parts(outgoing)) {
      const byTopic = Map.groupBy(part, ({ topic }) => topic);
      await this.untilAcknowledged([...byTopic].map(([topic, ofTopic]) => ({ topic, messages: ofTopic.map(({ message }) => message) })));
      crashPoint('kafka.sent');
    }
  }

  private async untilAcknowledged(topicMessages: { topic: string; messages: OutgoingMessage[] }[]): Promise<void> {
    for (let attempt = 1, deadline = Date.now() + PATIENCE; ; attempt++) {
      const producer = this.producer;
      try {
        await answered(this.connect().then(() => producer.sendBatch({ acks: -1, timeout: 10_000, compression: UNCOMPRESSED, topicMessages })));
        return;
      } catch (error) {
        // Whoever answered may be asked again. Else kafkajs would wait for every further answer on the connection that gave none, or say for
        // ever that the broker is not connected, and connect no more.
        if ((causeOf(error) as Error).name !== 'KafkaJSProtocolError') this.replace(producer);
        if (this.closed || !isPassing(error) || Date.now() > deadline) throw error;
        await sleep(Math.min(50 * 2 ** attempt, 500));
      }
    }
  }

  private async connect(): Promise<void> {
    if (this.closed) throw new Error('The transport is closed');
    const connected = (this.connected ??= this.producer.connect());
    try {
      await connected;
    } catch (error) {
      if (this.connected === connected) this.connected = undefined;
      throw error;
    }
  }

  private replace(producer: Producer): void {
    if (this.producer !== producer) return;
    this.producer = this.newProducer();
    this.connected = undefined;
    void atMost(3000, producer.disconnect());
  }

  private newProducer(): Producer {
    return this.kafka.producer({
      createPartitioner: () => ({ message, partitionMetadata }) => kafkaPartitionOf(message.key as string, partitionMetadata.length),
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_MAX_AGE,
      idempotent: false,
      // kafkajs sends only part of a batch again, and takes no notice when a partition has moved to a broker that had answered: it loses
      // what was meant for it. So it does not repeat, we do, and all of it.
      retry: pauses(0),
    });
  }
}

function* parts(outgoing: Outgoing): Generator<Outgoing> {
  let part: Outgoing[number][] = [];
  let bytes = 0;
  for (const one of outgoing) {
    const size = sizeOf(one.message);
    if (part.length > 0 && bytes + size > REQUEST_BYTES) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(one);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
