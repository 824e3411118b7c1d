export { aclRules, type AclRule } from './acls.js';
export { applyTopics, type Applied } from './apply-topics.js';
export { findJars } from './jars.js';
export { kafkaForTests, type KafkaForTests } from './for-tests.js';
export { startKafka, type LocalKafka, type StartKafkaOptions } from './start-kafka.js';
export { freePorts } from './ports.js';
export { PARTITIONS, planFor, RETENTION_DAYS, topicPlans, type TopicPlan } from './topics.js';
export { KafkaUnavailable } from './unavailable.js';
