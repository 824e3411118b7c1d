import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { aclRules, type AclRule } from './acls.js';
import { withAdmin, type KafkaConnection } from './admin.js';
import { AclsRefused, applyAcls } from './apply-acls.js';
import { applyTopics } from './apply-topics.js';
import { kafkaForTests } from './for-tests.js';
import { saslOf, type Login } from './logins.js';
import { startKafka, type LocalKafka } from './start-kafka.js';
import { planFor } from './topics.js';

const kafka = await kafkaForTests();

/** On a broker of its own, which asks who connects. */
(kafka?.from === 'local broker' ? describe : describe.skip)('Rights on a broker', () => {
  const [root, admin, referrals] = ['root', 'baton-admin', 'baton-referrals'].map((username): Login => ({ username, password: `word-${randomUUID()}` })) as [Login, Login, Login];
  const as = (login: Login): KafkaConnection => ({ sasl: saslOf(login) });
  const reading = (principal: string, name: string): AclRule => ({ principal, resource: 'Topic', name, pattern: 'Literal', operations: ['Read'] });
  const impatient = { retry: { retries: 0 }, connectionTimeout: 3000, requestTimeout: 3000 };
  let broker: LocalKafka;
  let granted: number;
  const topicsSeenWith = (connection: KafkaConnection): Promise<string[]> => withAdmin(broker.brokers, (client) => client.listTopics(), { ...impatient, ...connection });

  beforeAll(async () => {
    broker = await startKafka({ logins: [root, admin, referrals] });
    ({ granted } = await applyAcls(broker.brokers, aclRules(), as(root)));
  }, 180_000);
  afterAll(() => broker.stop(), 60_000);

  it('are granted once: to apply them again changes nothing', async () => {
    expect(granted).toBe(aclRules().flatMap(({ operations }) => operations).length);
    expect(await applyAcls(broker.brokers, aclRules(), as(root))).toEqual({ granted: 0, astray: [] });
  });

  it('that are planned no more are told and left, if they are those of a user of Baton', async () => {
    await applyAcls(broker.brokers, [reading('User:baton-consent', 'elsewhere'), reading('User:somebody', 'elsewhere')], as(root));
    const told = { granted: 0, astray: ['User:baton-consent from *: ALLOW READ on TOPIC elsewhere (LITERAL)'] };
    expect([await applyAcls(broker.brokers, aclRules(), as(root)), await applyAcls(broker.brokers, aclRules(), as(root))]).toEqual([told, told]);
  });

  it('are not granted by who may not, nor by brokers that keep none, and it is said why', async () => {
    const byAdmin = applyAcls(broker.brokers, [reading('User:baton-admin', 'more')], as(admin));
    await expect(byAdmin).rejects.toThrow(AclsRefused);
    await expect(byAdmin).rejects.toThrow(/may not grant any.*super\.users/);
    await expect(applyAcls(kafka!.brokers)).rejects.toThrow(/no authorizer.*authorizer\.class\.name/);
  });

  it('let the administrator make topics and set them right, and no service', async () => {
    const plan = planFor(`baton.referrals.plan-${randomUUID()}`);
    await expect(applyTopics(broker.brokers, [plan], as(referrals))).rejects.toThrow();
    expect(await topicsSeenWith(as(root))).not.toContain(plan.topic);
    expect(await applyTopics(broker.brokers, [{ ...plan, settings: { ...plan.settings, 'retention.ms': '1000' } }], as(admin))).toEqual({ made: [plan.topic], changed: [] });
    expect(await applyTopics(broker.brokers, [plan], as(admin))).toEqual({ made: [], changed: [plan.topic] });
    const setting = { type: kafkajs.ConfigResourceTypes.TOPIC, name: plan.topic, configEntries: [{ name: 'retention.ms', value: '1' }] };
    await expect(withAdmin(broker.brokers, (client) => client.alterConfigs({ validateOnly: false, resources: [setting] }), as(referrals))).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('are nobody’s without the password, whatever the mechanism: %s', async (mechanism) => {
    const sasl = ({ username, password }: Login): KafkaConnection => ({ sasl: { mechanism: mechanism as 'plain', username, password } });
    expect(await topicsSeenWith(sasl(root))).toEqual(expect.any(Array));
    const refused = await topicsSeenWith(sasl({ ...root, password: admin.password })).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ name: 'KafkaJSSASLAuthenticationError' });
    expect(String(refused)).not.toContain(admin.password);
    await expect(topicsSeenWith({})).rejects.toThrow();
  });
});
