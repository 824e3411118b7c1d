import { randomBytes, randomUUID } from 'node:crypto';

/** A random id (UUID v4): for everything whose id is shown to partners, so that none can be guessed from another. */
export const newId = (): string => randomUUID();

/** A time-ordered id (UUID v7, RFC 9562 §5.7): for events and inbox keys, where order keeps indexes small. */
export function newEventId(now: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
