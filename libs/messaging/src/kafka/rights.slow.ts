import { aclRules, applyAcls, applyTopics, kafkaForTests, saslOf, startKafka, topicPlans, type LocalKafka, type Login } from '@baton/kafka';
import { newId } from '@baton/kernel';
import type { Schema } from '@baton/postgres';
import { publisherOf } from '../envelope.js';
import { errorClass } from '../failure.js';
import type { KafkaConnection } from './client.js';
import { KafkaTransport } from './kafka-transport.js';
import { event, Notes, until } from './spec-broker.fixture.js';

const kafka = await kafkaForTests();
const SERVICES: readonly Schema[] = ['directory', 'referrals', 'episodes', 'consent', 'notifications'];
const TOPICS = topicPlans().map(({ topic }) => topic);

/** On a broker of its own, which asks who connects and holds the rights of `infra/kafka`. */
(kafka?.from === 'local broker' ? describe : describe.skip)('A service that logs in to Kafka', () => {
  const root: Login = { username: 'root', password: newId() };
  const logins = new Map(SERVICES.map((service) => [service, { username: `baton-${service}`, password: newId() }]));
  const as = (service: Schema): KafkaConnection => ({ sasl: saslOf(logins.get(service)!) });
  const key = newId();
  const open: KafkaTransport[] = [];
  const said: string[] = [];
  let broker: LocalKafka;
  const transport = (schema: Schema, connection = as(schema)): KafkaTransport => {
    const made = new KafkaTransport({ brokers: broker.brokers.split(','), schema, connection, sessionMs: 6000, report: (says) => said.push(says) });
    open.push(made);
    return made;
  };
  const publish = (as: KafkaTransport, topic: string): Promise<unknown> => as.publish([event(topic, key, 1)]).then(() => 'published', errorClass);

  beforeAll(async () => {
    broker = await startKafka({ logins: [root, ...logins.values()] });
    await applyTopics(broker.brokers, topicPlans(), { sasl: saslOf(root) });
    await applyAcls(broker.brokers, aclRules(), { sasl: saslOf(root) });
  }, 180_000);
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
    for (const { password } of [root, ...logins.values()]) expect(said.join()).not.toContain(password);
    said.length = 0;
  }, 60_000);
  afterAll(() => broker.stop(), 60_000);

  it('appends to its own topics, and reads all: as a group that knows how far behind it is, and again', async () => {
    const since = new Date(Date.now() - 60_000);
    for (const topic of TOPICS) expect([topic, await publish(transport(publisherOf(topic)), topic)]).toEqual([topic, 'published']);
    for (const service of SERVICES) {
      const [read, again] = [new Notes(), new Notes()];
      const reader = transport(service);
      await reader.subscribe({ group: service, topics: TOPICS, handle: read.take });
      await until(() => read.received.length === TOPICS.length, `${service} reads all`);
      await until(async () => (await reader.lag(service)).every(({ events }) => events === 0), `${service} is not behind`);
      expect(await reader.replay({ topics: TOPICS, since, handle: again.take })).toBe(TOPICS.length);
    }
    expect(said).toEqual([]);
  }, 120_000);

  it('appends to no topic of another', async () => {
    for (const service of SERVICES) {
      for (const topic of TOPICS.filter((each) => publisherOf(each) !== service)) {
        expect(await publish(transport(publisherOf(topic), as(service)), topic)).toBe('KafkaJSProtocolError TOPIC_AUTHORIZATION_FAILED');
      }
    }
  }, 120_000);

  it('joins no group of another, and says so', async () => {
    const notes = new Notes();
    const member = transport('consent').subscribe({ group: 'referrals', topics: TOPICS, handle: notes.take });
    await until(() => said.some((says) => says.includes('this user has no right to the group')), 'it is refused');
    expect((await member).status()).toMatchObject({ partitions: 0 });
    expect((await member).status().failing).toBeGreaterThan(0);
    expect(notes.received).toEqual([]);
  }, 60_000);

  it.each([
    ['with a wrong password', { sasl: saslOf({ username: 'baton-consent', password: 'wrong' }) }, /^KafkaJSSASLAuthenticationError$/],
    ['without one', {}, /^KafkaJS/],
  ])('gets nothing %s, and says so', async (_how, connection, refused) => {
    const notes = new Notes();
    const stranger = transport('consent', connection);
    const joining = stranger.subscribe({ group: 'consent', topics: TOPICS, handle: notes.take });
    expect(await publish(stranger, TOPICS.find((topic) => publisherOf(topic) === 'consent')!)).toMatch(refused);
    await until(() => said.some((says) => /The consumer of consent ended \(KafkaJS/.test(says)), 'it is refused');
    expect((await joining).status().failing).toBeGreaterThan(0);
    expect(notes.received).toEqual([]);
  }, 120_000);
});
