import { EVENTS } from '@baton/contracts';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { aclRules } from './acls.js';
import { withAdmin } from './admin.js';
import { applyTopics } from './apply-topics.js';
import { kafkaForTests } from './for-tests.js';
import { planFor, topicPlans } from './topics.js';

const kafka = await kafkaForTests();

describe('The topics', () => {
  it('are those of the contracts, each with its publisher as the only one to append', () => {
    expect(topicPlans().map(({ topic }) => topic)).toEqual([...new Set(EVENTS.map(({ topic }) => topic))].sort());
    for (const { topic } of topicPlans()) {
      const writers = aclRules().filter(({ resource, name, operations }) => resource === 'Topic' && name === topic && operations.includes('Write'));
      expect(writers.map(({ principal }) => principal)).toEqual([`User:baton-${topic.split('.')[1]}`]);
    }
    expect(aclRules().filter(({ pattern, operations }) => pattern === 'Prefixed' && operations.includes('Write'))).toEqual([]);
  });
});

(kafka ? describe : describe.skip)('The topics on a broker', () => {
  const { brokers } = kafka ?? { brokers: '' };
  const settingOf = (topic: string, setting: string): Promise<string | undefined> =>
    withAdmin(brokers, async (admin) => {
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }] });
      return resources[0]?.configEntries.find(({ configName }) => configName === setting)?.configValue;
    });

  it('are made once, by however many at the same time', async () => {
    const plan = planFor(`baton.referrals.plan-${randomUUID()}`);
    await Promise.all([applyTopics(brokers, [plan]), applyTopics(brokers, [plan])]);
    expect(await applyTopics(brokers, [plan])).toEqual({ made: [], changed: [] });
    expect(await settingOf(plan.topic, 'message.timestamp.type')).toBe('LogAppendTime');
  });

  it('get back a setting that was changed, and keep one that the plan does not name', async () => {
    const plan = planFor(`baton.referrals.plan-${randomUUID()}`);
    await applyTopics(brokers, [{ ...plan, settings: { ...plan.settings, 'retention.ms': '1000', 'flush.messages': '7' } }]);
    expect(await applyTopics(brokers, [plan])).toEqual({ made: [], changed: [plan.topic] });
    // A broker hears of a change a moment after it was acknowledged.
    for (const deadline = Date.now() + 10_000; (await settingOf(plan.topic, 'retention.ms')) === '1000' && Date.now() < deadline; await sleep(50));
    expect(await settingOf(plan.topic, 'retention.ms')).toBe(plan.settings['retention.ms']);
    expect(await settingOf(plan.topic, 'flush.messages')).toBe('7');
  });

  it('are refused when one has another number of partitions', async () => {
    const plan = planFor(`baton.referrals.plan-${randomUUID()}`);
    await applyTopics(brokers, [{ ...plan, partitions: 2 }]);
    await expect(applyTopics(brokers, [plan])).rejects.toThrow(`${plan.topic} (2, planned 8)`);
  });
});
