import type { BatonEvent } from '@baton/contracts';
import { crashPoint, refuse } from '@baton/kernel';
import type { Database, Reader, Schema, Tx } from '@baton/postgres';
import { EVENT_COLUMNS, eventOf, type EventRow } from './envelope.js';
import { perSchema } from './per-schema.js';
import type { Received } from './transport.js';

/** One aggregate, as one consumer sees it. */
export interface ParkedKey {
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
}

/** An aggregate that a consumer cannot go on with, and all that waits behind the event it stumbled on. */
export interface Parked extends ParkedKey {
  /** Class of the failure: names and codes, never personal data. */
  readonly error: string;
  readonly attempts: number;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  /** In order; the first is the one that failed. */
  readonly events: readonly ParkedEvent[];
}

export interface ParkedEvent {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  /** `<partition>/<offset>` of its topic. */
  readonly from: string;
}

/** Why a key is shut. */
export interface Failure {
  readonly error: string;
  readonly attempts: number;
}

const shut = perSchema(
  (schema) => `INSERT INTO ${schema}.parked_key (consumer, topic, key, error, attempts) VALUES ($1::text, $2::text, $3::text, $4::text, $5::int)
    ON CONFLICT DO NOTHING`,
);

const failAgain = perSchema(
  (schema) => `UPDATE ${schema}.parked_key SET error = $4::text, attempts = attempts + $5::int, last_seen = clock_timestamp()
    WHERE consumer = $1::text AND topic = $2::text AND key = $3::text`,
);

const keep = perSchema(
  (schema) => `INSERT INTO ${schema}.parked (consumer, came_from, ${EVENT_COLUMNS})
    SELECT $1::text, e.came_from, e.event_id, e.topic, e.key, e.type, e.version, e.time, e.correlation_id, e.causation_id, e.traceparent, e.data::json
    FROM unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[])
      WITH ORDINALITY AS e(came_from, event_id, topic, key, type, version, time, correlation_id, causation_id, traceparent, data, place)
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

const list = perSchema(
  (schema) => `SELECT k.consumer, k.topic, k.key, k.error, k.attempts, k.first_seen AS "firstSeen", k.last_seen AS "lastSeen",
      (SELECT coalesce(json_agg(json_build_object('id', p.event_id, 'type', p.type, 'version', p.version, 'from', p.came_from) ORDER BY p.place), '[]')
       FROM ${schema}.parked p WHERE p.consumer = k.consumer AND p.topic = k.topic AND p.key = k.key) AS events
    FROM ${schema}.parked_key k WHERE $1::text IS NULL OR k.consumer = $1::text ORDER BY k.first_seen, k.topic, k.key`,
);

/** What is parked in a schema, oldest first; of one consumer, if named. */
export const listParked = (reader: Reader, schema: Schema, consumer?: string): Promise<Parked[]> => reader.query<Parked>(list(schema), [consumer ?? null]);

const count = perSchema((schema) => `SELECT consumer, count(*)::int AS keys FROM ${schema}.parked_key GROUP BY consumer ORDER BY consumer`);

/** How many keys are parked, by consumer: for metrics. */
export const countParked = (reader: Reader, schema: Schema): Promise<{ consumer: string; keys: number }[]> => reader.query(count(schema));

const lock = perSchema((schema) => `SELECT 1 AS one FROM ${schema}.parked_key WHERE consumer = $1::text AND topic = $2::text AND key = $3::text FOR UPDATE`);
const first = perSchema((schema) => `SELECT ${EVENT_COLUMNS} FROM ${schema}.parked WHERE consumer = $1::text AND topic = $2::text AND key = $3::text ORDER BY place LIMIT 1`);
const remove = perSchema((schema) => `DELETE FROM ${schema}.parked WHERE consumer = $1::text AND event_id = $2::uuid`);
const open = perSchema(
  (schema) => `DELETE FROM ${schema}.parked_key k WHERE consumer = $1::text AND topic = $2::text AND key = $3::text
    AND NOT EXISTS (SELECT FROM ${schema}.parked p WHERE p.consumer = k.consumer AND p.topic = k.topic AND p.key = k.key) RETURNING 1 AS one`,
);

/** Locks a key, so that neither its consumer nor another redrive moves it. @returns false if it is not parked (any more) */
export async function lockKey(tx: Tx, schema: Schema, { consumer, topic, key }: ParkedKey): Promise<boolean> {
  return (await tx.query(lock(schema), [consumer, topic, key])).length > 0;
}

/** The event a key stumbled on. */
export async function firstParked(tx: Tx, schema: Schema, { consumer, topic, key }: ParkedKey): Promise<BatonEvent | undefined> {
  const [row] = await tx.query<EventRow>(first(schema), [consumer, topic, key]);
  return row && eventOf(row);
}

/** Takes an event out of the parked ones. */
export async function unpark(tx: Tx, schema: Schema, consumer: string, eventId: string): Promise<void> {
  await tx.query(remove(schema), [consumer, eventId]);
  crashPoint('consumer.unparked');
}

/** Opens a key behind which nothing waits any more. @returns whether it is open */
export async function openIfEmpty(tx: Tx, schema: Schema, { consumer, topic, key }: ParkedKey): Promise<boolean> {
  const opened = (await tx.query(open(schema), [consumer, topic, key])).length > 0;
  crashPoint('consumer.key-opened');
  return opened;
}

const discard = perSchema(
  (schema) => `WITH gone AS (DELETE FROM ${schema}.parked WHERE consumer = $1::text AND topic = $2::text AND key = $3::text AND event_id = $4::uuid RETURNING *)
    INSERT INTO ${schema}.discarded (consumer, came_from, reason, ${EVENT_COLUMNS}) SELECT consumer, came_from, $5::text, ${EVENT_COLUMNS} FROM gone RETURNING 1 AS one`,
);

/**
 * Gives up one parked event, which is kept with the reason. Those behind it stay parked until they are retried; if there
 * are none the key opens.
 * @throws Refused `unknown` if no such event is parked
 */
export async function discardParked(database: Database, schema: Schema, key: ParkedKey, eventId: string, reason: string): Promise<void> {
  await database.transaction(async (tx) => {
    await lockKey(tx, schema, key);
    const gone = await tx.query(discard(schema), [key.consumer, key.topic, key.key, eventId, reason]);
    crashPoint('consumer.discarded');
    if (gone.length === 0) throw refuse('unknown', 'not-parked', 'No such event is parked for this consumer and key.');
    await openIfEmpty(tx, schema, key);
  });
}
