import { kafkaForTests } from '@baton/kafka';
import type { BatonEvent } from '@baton/contracts';
import { EventsRefused } from '../transport.js';
import { KafkaTransport } from './kafka-transport.js';
import { event, freshTopic, Notes, until } from './spec-broker.fixture.js';

const kafka = await kafkaForTests();

/** The brokers take no more of one batch. */
const TAKEN_BYTES = 4000;
const large = (topic: string, key: string, version: number): BatonEvent => ({ ...event(topic, key, version), data: { much: 'x'.repeat(2 * TAKEN_BYTES) } });

(kafka ? describe : describe.skip)('Events that the brokers refuse', () => {
  const brokers = kafka?.brokers.split(',') ?? [];
  const publisher = new KafkaTransport({ brokers, schema: 'referrals' });
  const subscriber = new KafkaTransport({ brokers, schema: 'consent', sessionMs: 6000 });
  let topic: string;
  beforeAll(async () => void (topic = await freshTopic(kafka!.brokers, { settings: { 'max.message.bytes': String(TAKEN_BYTES) } })));
  afterAll(async () => void (await Promise.all([publisher.close(), subscriber.close()])), 30_000);

  it('are named with what stands behind them of the same key; all others of the batch arrive, in order', async () => {
    const notes = new Notes();
    await subscriber.subscribe({ group: `consent-${topic}`, topics: [topic], handle: notes.take });
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    const good = [1, 2, 3].flatMap((version) => keys.map((key) => event(topic, key, version)));
    const refused = [large(topic, 'large', 2), event(topic, 'large', 3), large(topic, 'huge', 1)];
    const batch = [...good.slice(0, 25), event(topic, 'large', 1), refused[0]!, ...good.slice(25), ...refused.slice(1)];
    const error: unknown = await publisher.publish(batch).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EventsRefused);
    expect((error as EventsRefused).refused.map(({ key, version }) => `${key}:${version}`).sort()).toEqual(['huge:1', 'large:2', 'large:3']);
    expect((error as EventsRefused).why).toBe('KafkaJSProtocolError MESSAGE_TOO_LARGE');
    await until(() => [...keys.map((key) => notes.firstOf(key).length), notes.firstOf('large').length + 2].every((count) => count === 3), 'not everything arrived');
    for (const key of keys) expect(notes.firstOf(key)).toEqual([1, 2, 3]);
    expect([notes.firstOf('large'), notes.firstOf('huge')]).toEqual([[1], []]);
  }, 60_000);
});
