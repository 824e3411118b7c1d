import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaTransport } from './kafka-transport.js';
import { event } from './spec-broker.fixture.js';

/**
 * A process of its own that publishes and consumes one event (`node idle-client.fixture.js <brokers> <topic>`), then does nothing for two seconds, and
 * prints how many timers were set meanwhile.
 */
const [brokers = '', topic = ''] = process.argv.slice(2);
const transport = new KafkaTransport({ brokers: brokers.split(','), schema: 'referrals' });
await transport.subscribe({ group: `referrals-${topic}`, topics: [topic], handle: async () => undefined });
await transport.publish([event(topic, 'k', 1)]);
await transport.lag(`referrals-${topic}`);
await sleep(500);
const set = globalThis.setTimeout;
let timers = 0;
globalThis.setTimeout = ((...all: Parameters<typeof set>) => (timers++, set(...all))) as typeof set;
await sleep(2000);
globalThis.setTimeout = set;
await transport.close();
process.stdout.write(String(timers));
