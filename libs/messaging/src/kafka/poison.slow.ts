import { kafkaForTests } from '@baton/kafka';
import { statement } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { consume, type Consumer } from '../consumer.js';
import { ACCEPTED, travelling, twoServices, type TwoServices } from '../spec/two-services.js';
import { KafkaTransport } from './kafka-transport.js';
import { messageOf, type OutgoingMessage } from './message.js';
import { freshTopic, plainKafka, sendPlainly } from './spec-broker.fixture.js';

const kafka = await kafkaForTests();
const effect = statement('INSERT INTO consent.effect (key, version) VALUES ($1, $2)');
const MIB = 1_048_576;

/** Each kind of poison among good events, in one partition. */
(kafka ? describe : describe.skip)('Poison on Kafka', () => {
  const { brokers } = kafka ?? { brokers: '' };
  let services: TwoServices;
  let topic: string;
  let transport: KafkaTransport;
  let consumer: Consumer;
  let mended = false;

  const good = (key: string, version: number): OutgoingMessage => messageOf(travelling(key, version, topic));
  const changed = (message: OutgoingMessage, to: Partial<{ value: string | null; key: string | null; headers: Record<string, string> }>) => ({ ...message, ...to, headers: { ...message.headers, ...to.headers } });
  const effectsOf = async (like: string): Promise<string[]> => (await services.test.admin<{ name: string }>(`SELECT key || ':' || version AS name FROM consent.effect WHERE key LIKE '${like}' ORDER BY place`)).map(({ name }) => name);
  const joined = (): Promise<Consumer> =>
    consume({
      database: services.consent,
      schema: 'consent',
      transport,
      group: `consent-${topic}`,
      topics: [topic],
      handlers: {
        [ACCEPTED]: async (tx, event) => {
          if (event.key === 'throws' && event.version === 1 && !mended) throw new RangeError();
          await tx.query(effect, [event.key, event.version]);
        },
      },
    });

  beforeAll(async () => {
    // As no topic of ours is: it takes 10 MB.
    topic = await freshTopic(brokers, { settings: { 'max.message.bytes': String(20 * MIB) } });
    services = await twoServices();
    transport = new KafkaTransport({ brokers: brokers.split(','), schema: 'consent', sessionMs: 6000 });
  }, 120_000);
  afterAll(async () => {
    await consumer.stop();
    await transport.close();
    await services.drop();
  }, 30_000);

  it('parks its key, whatever it is; all other keys flow, in order', async () => {
    const poison = {
      json: changed(good('json', 1), { value: '{"broken' }),
      schema: changed(good('schema', 1), { value: '{"referral":7}' }),
      null: changed(good('null', 1), { value: null }),
      throws: good('throws', 1),
      large: changed(good('large', 1), { value: JSON.stringify({ much: 'x'.repeat(10 * MIB) }) }),
      newer: changed(good('newer', 1), { headers: { ce_type: ACCEPTED.replace('.v1', '.v2') } }),
      header: changed(good('header', 1), { headers: { ce_sequence: '99999999999' } }),
    };
    const keyless = changed(good('', 1), { key: null, value: '[]' });
    for (const [key, message] of Object.entries(poison)) {
      await sendPlainly(brokers, topic, [good('one', Object.keys(poison).indexOf(key) + 1), message, good('other', Object.keys(poison).indexOf(key) + 1), good(key, 2)]);
    }
    await sendPlainly(brokers, topic, [keyless, good('one', 8)]);
    consumer = await joined();
    await eventually(async () => (await effectsOf('one')).length === 8 && (await consumer.lag()).every(({ events }) => events === 0), { within: 40_000 });
    expect(await effectsOf('one')).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((version) => `one:${version}`));
    expect(await effectsOf('other')).toEqual([1, 2, 3, 4, 5, 6, 7].map((version) => `other:${version}`));
    const { items } = await consumer.parking.list();
    expect(Object.fromEntries(items.map(({ key, error, events }) => [key, [error, events.map(({ version }) => version)]]))).toEqual({
      json: ['Unreadable: value is no JSON object', [0, 2]],
      schema: [expect.stringMatching(/^WrongSchema: /), [1, 2]],
      null: ['Unreadable: no value', [0, 2]],
      throws: ['RangeError', [1, 2]],
      large: ['Unreadable: value is too large', [0, 2]],
      newer: ['NewerMajor', [1, 2]],
      header: ['Unreadable: attribute is missing or malformed', [0, 2]],
      '0-28': ['Unreadable: value is no JSON object', [0]],
    });
    const [{ bytes }] = (await services.test.admin<{ bytes: number }>('SELECT max(length(data::text)) AS bytes FROM consent.parked')) as [{ bytes: number }];
    expect(bytes).toBeLessThan(MIB / 8);
  }, 90_000);

  it('is not parked twice when the whole topic comes again', async () => {
    const before = await consumer.parking.list();
    await transport.replay({ topics: [topic], since: new Date(0), handle: (batch) => consumer.handle(batch) });
    expect(await consumer.parking.list()).toEqual(before);
  }, 60_000);

  it('once mended or discarded holds nothing back', async () => {
    mended = true;
    const because = { reason: 'poisoned by a test', by: 'operator' };
    for (const { error } of await consumer.parking.groups()) if (/^(?:Unreadable|WrongSchema|NewerMajor)/.test(error)) await consumer.parking.discardGroup({ error }, because);
    expect((await consumer.parking.retryAll()).filter(({ stoppedBy }) => stoppedBy !== undefined)).toEqual([]);
    expect(await consumer.parking.count()).toBe(0);
    for (const key of ['json', 'schema', 'null', 'large', 'newer', 'header']) expect(await effectsOf(key)).toEqual([`${key}:2`]);
    expect(await effectsOf('throws')).toEqual(['throws:1', 'throws:2']);
    await sendPlainly(brokers, topic, ['json', 'throws', 'large'].map((key) => good(key, 3)));
    await eventually(async () => (await effectsOf('%')).filter((name) => name.endsWith(':3') && !name.startsWith('o')).length === 3, { within: 20_000 });
    expect((await consumer.parking.discarded()).items).toHaveLength(7);
  }, 60_000);

  it('of 10 MB is not even taken by a topic of ours', async () => {
    const ours = await freshTopic(brokers);
    const large = { key: 'large', value: 'x'.repeat(10 * MIB) };
    await expect(sendPlainly(brokers, ours, [large], { producer: { retry: { retries: 0 } } })).rejects.toThrow(/larger than the max message size/);
    const admin = plainKafka(brokers).admin();
    await admin.connect();
    expect((await admin.fetchTopicOffsets(ours)).every(({ offset }) => offset === '0')).toBe(true);
    await admin.disconnect();
  }, 30_000);
});
