import type { BatonEvent } from '@baton/contracts';
import { SCHEMAS, type Schema } from '@baton/postgres';

/** The columns in which every table of this library keeps an event, `seq` and positions aside. */
export const EVENT_COLUMNS = 'event_id, topic, key, type, version, time, correlation_id, causation_id, traceparent, data';

/** An event as PostgreSQL returns it. */
export interface EventRow {
  event_id: string;
  topic: string;
  key: string;
  type: string;
  version: number;
  time: Date;
  correlation_id: string;
  causation_id: string;
  traceparent: string | null;
  data: Record<string, unknown>;
}

/** The event in a row. */
export function eventOf(row: EventRow): BatonEvent {
  return {
    id: row.event_id,
    topic: row.topic,
    key: row.key,
    type: row.type,
    version: row.version,
    time: row.time.toISOString(),
    correlationId: row.correlation_id,
    causationId: row.causation_id,
    ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
    data: row.data,
  };
}

/** Unit of order: one aggregate. A topic never holds a space. */
export const orderKey = (event: { readonly topic: string; readonly key: string }): string => `${event.topic} ${event.key}`;

/** The schema whose service publishes a topic: `baton.<service>.<aggregate>`. @throws if no service of that name exists */
export function publisherOf(topic: string): Schema {
  const service = topic.split('.')[1];
  const found = SCHEMAS.find((schema) => schema === service);
  if (!found) throw new Error(`Topic ${topic} names no service that publishes`);
  return found;
}

/**
 * Partition of a key: FNV-1a over its UTF-16 units, mixed once more. Part of the stored format: another function would
 * tear the events of one aggregate apart.
 */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) % partitions;
}

/** `baton.referrals.referral-accepted.v1` → name and major version; undefined if it is spelt otherwise. */
export function majorOf(type: string): { name: string; major: number } | undefined {
  const match = /^(.+)\.v(\d+)$/.exec(type);
  return match ? { name: match[1]!, major: Number(match[2]) } : undefined;
}
