import { topicPlans } from './topics.js';

/** Who may do what, in Kafka's own words; the principal is the service's name. */
export interface AclRule {
  readonly principal: string;
  readonly resource: 'Topic' | 'Group' | 'Cluster';
  readonly name: string;
  readonly pattern: 'Literal' | 'Prefixed';
  readonly operations: readonly ('Read' | 'Write' | 'Describe' | 'Delete' | 'Create' | 'Alter' | 'AlterConfigs' | 'DescribeConfigs')[];
}

/** `baton.referrals.referral` → `referrals`, which alone appends to it. */
const publisherOf = (topic: string): string => topic.split('.')[1]!;

/** Services that read events. Data on Kafka is pseudonymous, and any of them may come to need any event, so they read all topics. */
const READERS = ['directory', 'referrals', 'episodes', 'consent', 'notifications'] as const;

/**
 * The rules that go with the topics: each service appends to its own topics and to no other, reads all, and has the groups that begin
 * with its name (and throwaway ones for replay, which it may delete). `admin` makes the topics.
 */
export function aclRules(): AclRule[] {
  const topics = topicPlans().map(({ topic }) => topic);
  const user = (name: string): string => `User:baton-${name}`;
  return [
    ...topics.map((name): AclRule => ({ principal: user(publisherOf(name)), resource: 'Topic', name, pattern: 'Literal', operations: ['Write', 'Describe'] })),
    ...READERS.flatMap((service): AclRule[] => [
      { principal: user(service), resource: 'Topic', name: 'baton.', pattern: 'Prefixed', operations: ['Read', 'Describe'] },
      { principal: user(service), resource: 'Group', name: service, pattern: 'Prefixed', operations: ['Read', 'Describe'] },
      { principal: user(service), resource: 'Group', name: `replay.${service}`, pattern: 'Prefixed', operations: ['Read', 'Describe', 'Delete'] },
    ]),
    { principal: user('admin'), resource: 'Topic', name: 'baton.', pattern: 'Prefixed', operations: ['Create', 'Describe', 'Alter', 'AlterConfigs', 'DescribeConfigs'] },
    { principal: user('admin'), resource: 'Cluster', name: 'kafka-cluster', pattern: 'Literal', operations: ['Describe'] },
  ];
}
