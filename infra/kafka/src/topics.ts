import { EVENTS } from '@baton/contracts';

/** A topic as the brokers are to have it. */
export interface TopicPlan {
  readonly topic: string;
  readonly partitions: number;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Partitions of every topic, for good: the key decides the partition, so another number would tear the events of one aggregate
 * apart. Another number is another topic.
 */
export const PARTITIONS = 8;

/** How long events stay: shorter than the inboxes of their consumers remember, so that a replayed event is known. */
export const RETENTION_DAYS = 7;

const DAY = 24 * 3600 * 1000;

const SETTINGS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': String(RETENTION_DAYS * DAY),
  // Small enough that retention, which drops whole segments, keeps to its time.
  'segment.ms': String(DAY),
  // Replay and retention go by when the broker took an event, not by a producer's clock.
  'message.timestamp.type': 'LogAppendTime',
  // kafkajs reads no lz4, snappy or zstd: whatever a producer sends, the brokers store it plain.
  'compression.type': 'uncompressed',
  // Events are thin. Something bigger is no event.
  'max.message.bytes': '1048576',
  // A history that was cut off is better refused than silently shortened.
  'unclean.leader.election.enable': 'false',
};

/** The topics of every event that Baton publishes, by the contracts. */
export function topicPlans(): TopicPlan[] {
  const topics = [...new Set(EVENTS.map(({ topic }) => topic))].sort();
  return topics.map((topic) => planFor(topic));
}

/** A topic with the settings that all of Baton's have. */
export const planFor = (topic: string): TopicPlan => ({ topic, partitions: PARTITIONS, settings: SETTINGS });
