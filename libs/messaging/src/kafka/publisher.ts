import type { BatonEvent } from '@baton/contracts';
import { crashPoint, inTime } from '@baton/kernel';
import type { CompressionTypes, Kafka, Producer } from 'kafkajs';
import { setTimeout as sleep } from 'node:timers/promises';
import { orderKey } from '../envelope.js';
import { EventsRefused } from '../transport.js';
import { atMost, causeOf, inWords, isPassing, METADATA_MAX_AGE, pauses } from './client.js';
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

/** Longer than kafkajs waits for an answer, in milliseconds: where a broker stood still while it connected it may wait for ever. */
const ANSWERED_WITHIN = 15_000;

/** Who closes waits so long for what is on its way, in milliseconds. */
const CLOSES_WITHIN = 3000;

/** Answers of a broker that concern one message, however often it is sent, and no other. */
const OF_ONE_MESSAGE: ReadonlySet<unknown> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP']);

interface Outgoing {
  readonly event: BatonEvent;
  readonly message: OutgoingMessage;
  readonly slot: number;
}

/** The writing end: one request in flight per slot, each acknowledged by all replicas in sync. */
export class KafkaPublisher {
  private producer: Producer;
  private readonly tails: Promise<unknown>[] = Array.from({ length: SLOTS }, () => Promise.resolve());
  private connected: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly kafka: Kafka) {
    this.producer = this.newProducer();
  }

  /** @throws EventsRefused; when it was not acknowledged in good time: publish the batch again */
  async publish(events: readonly BatonEvent[]): Promise<void> {
    const outgoing = events.map((event) => ({ event, message: messageOf(event), slot: keyHash(event.key) % SLOTS }));
    const slots = [...new Set(outgoing.map(({ slot }) => slot))];
    const sent = Promise.all(slots.map((slot) => this.tails[slot]!)).then(() => this.send(outgoing));
    const settled = sent.catch(() => undefined);
    for (const slot of slots) this.tails[slot] = settled;
    await sent;
  }

  async close(): Promise<void> {
    this.closed = true;
    await atMost(CLOSES_WITHIN, Promise.all(this.tails));
    if (this.connected) await atMost(CLOSES_WITHIN, this.producer.disconnect());
  }

  private async send(outgoing: readonly Outgoing[]): Promise<void> {
    const refusals = new Refusals();
    for (const part of parts(outgoing)) await this.sendWhatIsTaken(part, refusals);
    refusals.throwIfAny();
  }

  /** What is refused for the sake of one message is sent in halves, until it stands alone. */
  private async sendWhatIsTaken(part: readonly Outgoing[], refusals: Refusals): Promise<void> {
    const sent = refusals.without(part);
    if (sent.length === 0) return;
    try {
      const byTopic = Map.groupBy(sent, ({ event }) => event.topic);
      await this.untilAcknowledged([...byTopic].map(([topic, ofTopic]) => ({ topic, messages: ofTopic.map(({ message }) => message) })));
      crashPoint('kafka.sent');
    } catch (error) {
      if (!OF_ONE_MESSAGE.has((causeOf(error) as { type?: unknown }).type)) throw error;
      if (sent.length === 1) return refusals.add(sent[0]!.event, inWords(error));
      const half = Math.ceil(sent.length / 2);
      await this.sendWhatIsTaken(sent.slice(0, half), refusals);
      await this.sendWhatIsTaken(sent.slice(half), refusals);
    }
  }

  private async untilAcknowledged(topicMessages: { topic: string; messages: OutgoingMessage[] }[]): Promise<void> {
    for (let attempt = 1, deadline = Date.now() + PATIENCE; ; attempt++) {
      const producer = this.producer;
      try {
        await inTime(ANSWERED_WITHIN, this.connect().then(() => producer.sendBatch({ acks: -1, timeout: 10_000, compression: UNCOMPRESSED, topicMessages })));
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

/** What of a batch was refused; no key goes on behind an event of it that was. */
class Refusals {
  private readonly events: BatonEvent[] = [];
  private readonly keys = new Set<string>();
  private why = '';

  add(event: BatonEvent, why: string): void {
    this.events.push(event);
    this.keys.add(orderKey(event));
    this.why = why;
  }

  /** @returns what may go; what stands behind something refused is noted with it */
  without(part: readonly Outgoing[]): readonly Outgoing[] {
    if (this.keys.size === 0) return part;
    const [behind = [], free = []] = [true, false].map((shut) => part.filter(({ event }) => this.keys.has(orderKey(event)) === shut));
    this.events.push(...behind.map(({ event }) => event));
    return free;
  }

  throwIfAny(): void {
    if (this.events.length > 0) throw new EventsRefused(this.events, this.why);
  }
}

function* parts(outgoing: readonly Outgoing[]): Generator<readonly Outgoing[]> {
  let part: Outgoing[] = [];
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
