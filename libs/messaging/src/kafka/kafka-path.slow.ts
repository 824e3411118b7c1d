import { setTimeout as sleep } from 'node:timers/promises';
import { applyTopics, kafkaForTests, startKafka, type LocalKafka } from '@baton/kafka';
import { statement } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { consume, type Consumer } from '../consumer.js';
import { writeOutbox } from '../outbox.js';
import { Relay } from '../relay.js';
import { ACCEPTED, accepted, caller, twoServices, type TwoServices } from '../spec/two-services.js';
import { KafkaTransport } from './kafka-transport.js';
import { sendPlainly } from './spec-broker.fixture.js';

const kafka = await kafkaForTests();
const effect = statement('INSERT INTO consent.effect (key, version) VALUES ($1, $2)');

/** On a broker of its own, which it kills. */
(kafka?.from === 'local broker' ? describe : describe.skip)('From a change in one service to its effect in another, over Kafka', () => {
  let cluster: LocalKafka;
  let services: TwoServices;
  let relay: Relay;
  let consumers: Consumer[];
  let transports: KafkaTransport[];

  beforeAll(async () => {
    cluster = await startKafka({ settings: { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' } });
    await applyTopics(cluster.brokers);
    services = await twoServices();
    transports = (['referrals', 'consent', 'consent'] as const).map((schema) => new KafkaTransport({ brokers: cluster.brokers.split(','), schema, sessionMs: 6000 }));
    relay = new Relay({ database: services.referrals, schema: 'referrals', transport: transports[0]! }).start();
    consumers = await Promise.all([join(transports[1]!), join(transports[2]!)]);
  }, 180_000);
  afterAll(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    await relay.stop();
    await Promise.all(transports.map((transport) => transport.close()));
    await services.drop();
    await cluster.stop();
  }, 60_000);

  const join = (transport: KafkaTransport): Promise<Consumer> =>
    consume({ database: services.consent, schema: 'consent', transport, group: 'consent', concurrency: 2, handlers: { [ACCEPTED]: async (tx, event) => void (await tx.query(effect, [event.key, event.version])) } });
  const change = (key: string, version: number): Promise<void> => services.referrals.transaction((tx) => writeOutbox(tx, 'referrals', [accepted(key, version)], caller));
  const effectsOf = async (prefix: string): Promise<{ key: string; version: number }[]> => services.test.admin(`SELECT key, version FROM consent.effect WHERE key LIKE '${prefix}-%' ORDER BY place`);

  /** Writes versions of twelve keys, and waits for their effects: one each, in order. */
  const writeAndFollow = async (prefix: string, upTo: number, meanwhile: () => Promise<void>): Promise<void> => {
    const keys = Array.from({ length: 12 }, (_, n) => `${prefix}-${n}`);
    const writers = keys.map(async (key) => {
      for (let version = 1; version <= upTo; version++) {
        await change(key, version);
        await sleep(10);
      }
    });
    await Promise.all([...writers, meanwhile()]);
    await eventually(async () => (await effectsOf(prefix)).length >= keys.length * upTo, { within: 60_000 });
    const effects = await effectsOf(prefix);
    for (const key of keys) expect(effects.filter((row) => row.key === key).map((row) => row.version)).toEqual(Array.from({ length: upTo }, (_, n) => n + 1));
  };

  it('has one effect per change, in order, while members come and go', async () => {
    await writeAndFollow('unrest', 40, async () => {
      for (let n = 0; n < 2; n++) {
        const next = await join(transports[1 + (n % 2)]!);
        await consumers.shift()!.stop();
        consumers.push(next);
      }
    });
  }, 90_000);

  it('has one effect per change, in order, although the broker is killed meanwhile; writers notice nothing', async () => {
    await writeAndFollow('killed', 100, async () => {
      await sleep(300);
      await cluster.kill(1);
      await sleep(1000);
      await cluster.start(1);
    });
    await eventually(() => consumers.every((consumer) => consumer.status().failing === 0), { within: 30_000 });
  }, 120_000);

  it('leaves nothing waiting: outbox empty, lag 0, nothing parked, every partition read by one', async () => {
    await eventually(async () => (await consumers[0]!.lag()).every(({ events }) => events === 0));
    expect(await services.test.admin('SELECT 1 FROM referrals.outbox')).toEqual([]);
    expect(await consumers[0]!.parking.count()).toBe(0);
    expect(consumers.map((consumer) => consumer.status()).reduce((sum, { partitions, missed }) => sum + partitions + missed, 0)).toBe(8);
  });

  it('goes on past what is no event at all', async () => {
    await sendPlainly(cluster.brokers, 'baton.referrals.referral', [{ key: 'poison-1', value: '{"broken' }, { key: 'poison-2', value: null }]);
    await change('after-poison', 1);
    await eventually(async () => (await effectsOf('after')).length === 1, { within: 20_000 });
    await eventually(async () => (await consumers[0]!.lag()).every(({ events }) => events === 0));
  });
});
