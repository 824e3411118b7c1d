const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** The hash by which Kafka's Java clients choose a partition: a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let h = SEED ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const left = length - i;
  if (left === 3) h ^= bytes[i + 2]! << 16;
  if (left >= 2) h ^= bytes[i + 1]! << 8;
  if (left >= 1) h = Math.imul(h ^ bytes[i]!, M);
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}

/** Hash of a key, from 0 upwards. */
export const keyHash = (key: Uint8Array | string): number => murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff;

/**
 * Partition of a key, the one that every other client of Kafka chooses. Part of the stored format: another function would tear the
 * events of one aggregate apart.
 */
export const kafkaPartitionOf = (key: Uint8Array | string, partitions: number): number => keyHash(key) % partitions;
