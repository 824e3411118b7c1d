import type { BatonEvent } from '@baton/contracts';
import { crashPoint } from '@baton/kernel';
import { type Database, perSchema, type Schema, type Tx } from '@baton/postgres';
import { EVENT_COLUMNS, eventOf, type EventRow } from './envelope.js';
import type { Judged } from './judge.js';
import type { Received } from './transport.js';

/** One aggregate of a consumer. */
export interface Where {
  readonly topic: string;
  readonly key: string;
}

/** One aggregate, as one consumer sees it. */
export interface ParkedKey extends Where {
  readonly consumer: string;
}

/** Why a key is shut. */
export interface Failure {
  /** Class of the failure: names and codes, never personal data. */
  readonly error: string;
  readonly attempts: number;
}

/** Class of a key whose failed event was discarded: nothing is known against what waits, it only was not tried yet. */
export const WAITING = 'Waiting';

const shut = perSchema(
  (schema) => `INSERT INTO ${schema}.parked_key (consumer, topic, key, error, attempts) VALUES ($1::text, $2::text, $3::text, $4::text, $5::int)
    ON CONFLICT DO NOTHING`,
);

const failAgain = perSchema(
  (schema) => `UPDATE ${schema}.parked_key SET error = $4::text, attempts = attempts + $5::int, last_seen = clock_timestamp()
    WHERE consumer = $1::text AND topic = $2::text AND key = $3::text`,
);

const keep = perSchema(
  (schema) => `INSERT INTO ${schema}.parked (consumer, came_from, unreadable, ${EVENT_COLUMNS})
    SELECT $1::text, e.came_from, e.unreadable, e.event_id, e.topic, e.key, e.type, e.version, e.time, e.correlation_id, e.causation_id, e.traceparent, e.data::json
    FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::int[], $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::text[])
      WITH ORDINALITY AS e(came_from, unreadable, event_id, topic, key, type, version, time, correlation_id, causation_id, traceparent, data, place)
    ORDER BY e.place`,
);

/** Shuts a key because of a failure. */
export async function shutKey(tx: Tx, schema: Schema, { consumer, topic, key }: ParkedKey, failure: Failure): Promise<void> {
  await tx.query(shut(schema), [consumer, topic, key, failure.error, failure.attempts]);
  crashPoint('consumer.key-shut');
}

/** Notes another failure of a key, if it is still shut. */
export async function noteFailure(database: Database, schema: Schema, { consumer, topic, key }: ParkedKey, failure: Failure): Promise<void> {
  await database.query(failAgain(schema), [consumer, topic, key, failure.error, failure.attempts]);
  crashPoint('consumer.failure-noted');
}

/** Puts events behind those of their keys that are parked already; the keys must be shut. */
export async function park(tx: Tx, schema: Schema, consumer: string, events: readonly Received[]): Promise<void> {
  const column = <T>(pick: (event: BatonEvent) => T): T[] => events.map(({ event }) => pick(event));
  await tx.query(keep(schema), [
    consumer,
    events.map(({ partition, offset }) => `${partition}/${offset}`),
    events.map(({ unreadable }) => unreadable ?? null),
    column((event) => event.id),
    column((event) => event.topic),
    column((event) => event.key),
    column((event) => event.type),
    column((event) => event.version),
    column((event) => event.time),
    column((event) => event.correlationId),
    column((event) => event.causationId),
    column((event) => event.traceparent ?? null),
    column((event) => JSON.stringify(event.data)),
  ]);
  crashPoint('consumer.parked');
}

const lock = perSchema((schema) => `SELECT 1 AS one FROM ${schema}.parked_key WHERE consumer = $1::text AND topic = $2::text AND key = $3::text FOR UPDATE`);
const first = perSchema(
  (schema) => `SELECT unreadable, ${EVENT_COLUMNS} FROM ${schema}.parked WHERE consumer = $1::text AND topic = $2::text AND key = $3::text ORDER BY place LIMIT 1`,
);
const remove = perSchema((schema) => `DELETE FROM ${schema}.parked WHERE consumer = $1::text AND event_id = $2::uuid`);
const open = perSchema(
  (schema) => `DELETE FROM ${schema}.parked_key k USING unnest($2::text[], $3::text[]) AS t(topic, key)
    WHERE k.consumer = $1::text AND k.topic = t.topic AND k.key = t.key
    AND NOT EXISTS (SELECT FROM ${schema}.parked p WHERE p.consumer = k.consumer AND p.topic = k.topic AND p.key = k.key) RETURNING 1 AS one`,
);

/** Locks a key, so that neither its consumer nor another redrive moves it. @returns false if it is not parked (any more) */
export async function lockKey(tx: Tx, schema: Schema, { consumer, topic, key }: ParkedKey): Promise<boolean> {
  return (await tx.query(lock(schema), [consumer, topic, key])).length > 0;
}

/** The event a key stumbled on. */
export async function firstParked(tx: Tx, schema: Schema, { consumer, topic, key }: ParkedKey): Promise<Judged | undefined> {
  const [row] = await tx.query<EventRow & { unreadable: string | null }>(first(schema), [consumer, topic, key]);
  return row && { event: eventOf(row), ...(row.unreadable === null ? {} : { unreadable: row.unreadable }) };
}

/** Takes an event out of the parked ones. */
export async function unpark(tx: Tx, schema: Schema, consumer: string, eventId: string): Promise<void> {
  await tx.query(remove(schema), [consumer, eventId]);
  crashPoint('consumer.unparked');
}

/** Opens those of these keys behind which nothing waits any more; they must be locked. @returns how many are open now */
export async function openIfEmpty(tx: Tx, schema: Schema, consumer: string, keys: readonly Where[]): Promise<number> {
  const opened = await tx.query(open(schema), [consumer, keys.map(({ topic }) => topic), keys.map(({ key }) => key)]);
  crashPoint('consumer.key-opened');
  return opened.length;
}
