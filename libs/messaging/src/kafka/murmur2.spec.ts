import { kafkaPartitionOf, murmur2 } from './murmur2.js';
import { JAVA_SAYS } from './murmur2.fixture.js';

describe('The partition of a key on Kafka', () => {
  it("is the one that Java's client chooses, for a thousand keys", () => {
    expect(JAVA_SAYS).toHaveLength(1000);
    expect(JAVA_SAYS.map(([key]) => [key, murmur2(Buffer.from(key)), kafkaPartitionOf(key, 8)])).toEqual(JAVA_SAYS);
  });
});
