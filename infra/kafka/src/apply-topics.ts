import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin, type ITopicMetadata } from 'kafkajs';
import { withAdmin, type KafkaConnection } from './admin.js';
import { topicPlans, type TopicPlan } from './topics.js';

export interface Applied {
  /** Topics that were made. */
  readonly made: readonly string[];
  /** Topics of which a setting was changed. */
  readonly changed: readonly string[];
}

/**
 * Makes the brokers have the topics as planned. May run again, and at the same time elsewhere: what is there stays, settings that
 * differ are set.
 * @param brokers `host:port,host:port`
 * @throws if a topic has another number of partitions than planned: that cannot be mended, only answered with another topic
 */
export async function applyTopics(brokers: string, plans: readonly TopicPlan[] = topicPlans(), connection: KafkaConnection = {}): Promise<Applied> {
  return withAdmin(brokers, async (admin) => {
    const there = new Set(await admin.listTopics());
    const missing = plans.filter(({ topic }) => !there.has(topic));
    await make(admin, missing);
    await comparePartitions(admin, plans);
    const changed = await settle(admin, plans.filter(({ topic }) => there.has(topic)));
    return { made: missing.map(({ topic }) => topic), changed };
  }, connection);
}

async function make(admin: Admin, plans: readonly TopicPlan[]): Promise<void> {
  if (plans.length === 0) return;
  const { brokers } = await admin.describeCluster();
  const replicationFactor = Math.min(3, brokers.length);
  // False when another process made one of them a moment before us: the comparison that follows tells.
  await admin.createTopics({
    waitForLeaders: false,
    topics: plans.map(({ topic, partitions, settings }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor,
      configEntries: Object.entries({ ...settings, 'min.insync.replicas': String(Math.max(1, replicationFactor - 1)) }).map(([name, value]) => ({ name, value })),
    })),
  });
}

async function comparePartitions(admin: Admin, plans: readonly TopicPlan[]): Promise<void> {
  if (plans.length === 0) return;
  const topics = await topicsWithLeaders(admin, plans.map(({ topic }) => topic));
  const there = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  const torn = plans.filter(({ topic, partitions }) => there.get(topic) !== partitions);
  if (torn.length > 0) throw new Error(`Topics with another number of partitions than planned: ${torn.map(({ topic, partitions }) => `${topic} (${there.get(topic) ?? 0}, planned ${partitions})`).join(', ')}`);
}

const LED_WITHIN = 20_000;

/** Waits until every topic has its leaders: the brokers hear of a new one after one another. */
async function topicsWithLeaders(admin: Admin, names: string[]): Promise<ITopicMetadata[]> {
  for (const deadline = Date.now() + LED_WITHIN; ; await sleep(50)) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: names });
      if (topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0)) || Date.now() > deadline) return topics;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** Sets what differs. kafkajs only knows how to set all at once, so what else was set on a topic is given back with it. */
async function settle(admin: Admin, plans: readonly TopicPlan[]): Promise<string[]> {
  if (plans.length === 0) return [];
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: plans.map(({ topic }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic })) });
  const changed = plans.flatMap(({ topic, settings }) => {
    const entries = resources.find(({ resourceName }) => resourceName === topic)?.configEntries ?? [];
    const now = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
    if (Object.entries(settings).every(([name, value]) => now.get(name) === value)) return [];
    const own = Object.fromEntries(entries.filter((entry) => Number(entry.configSource) === TOPIC_CONFIG).map(({ configName, configValue }) => [configName, configValue]));
    return [{ topic, settings: { ...own, ...settings } }];
  });
  if (changed.length > 0) {
    await admin.alterConfigs({ validateOnly: false, resources: changed.map(({ topic, settings }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })) })) });
  }
  return changed.map(({ topic }) => topic);
}

/** Source of a setting that was made on the topic itself. */
const TOPIC_CONFIG = 1;
