import { crashPoint, refuse } from '@baton/kernel';
import { type Database, perSchema, type Reader, type Schema, type Tx } from '@baton/postgres';
import { EVENT_COLUMNS } from './envelope.js';
import { lockKey, openIfEmpty, WAITING, type Failure, type Where } from './parked.js';
import { eventJson, FITS, filterValues, micros, pageOf, type Page, type ParkedEvent, type ParkedFilter, type PlaceInList } from './parked-queries.js';

/** What else belongs into the transaction of an operator's action: its audit entry. */
export type Alongside = (tx: Tx) => Promise<void>;

/** Why events are given up, and by whom. */
export interface Because {
  /** Free text of an operator; stays in the database. */
  readonly reason: string;
  /** Client id of the operator. */
  readonly by: string;
}

/** An event that was given up. */
export interface Discarded extends ParkedEvent, Where, Failure {
  readonly reason: string;
  readonly discardedBy: string;
  readonly discardedAt: Date;
}

const discard = perSchema(
  (schema) => `WITH gone AS (
      DELETE FROM ${schema}.parked p USING unnest($2::text[], $3::text[], $4::uuid[]) AS t(topic, key, event_id)
      WHERE p.consumer = $1::text AND p.topic = t.topic AND p.key = t.key AND p.event_id = t.event_id RETURNING p.*
    )
    INSERT INTO ${schema}.discarded (consumer, came_from, unreadable, place, parked_at, attempts, error, reason, discarded_by, ${EVENT_COLUMNS})
    SELECT consumer, came_from, unreadable, place, parked_at, CASE WHEN behind THEN 0 ELSE k.attempts END, CASE WHEN behind THEN '${WAITING}' ELSE k.error END, $5::text, $6::text, ${EVENT_COLUMNS}
    FROM gone g JOIN ${schema}.parked_key k USING (consumer, topic, key)
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM ${schema}.parked p WHERE p.consumer = g.consumer AND p.topic = g.topic AND p.key = g.key AND p.place < g.place) AS behind) b
    RETURNING 1 AS one`,
);

// Nothing is known yet against what stood behind an event that is gone: it belongs to no class of failures any more.
const letWait = perSchema(
  (schema) => `UPDATE ${schema}.parked_key k SET error = '${WAITING}', attempts = 0 FROM unnest($2::uuid[]) AS t(event_id) JOIN ${schema}.discarded d ON d.event_id = t.event_id
    WHERE d.consumer = $1::text AND k.consumer = d.consumer AND k.topic = d.topic AND k.key = d.key
    AND NOT EXISTS (SELECT FROM ${schema}.parked p WHERE p.consumer = k.consumer AND p.topic = k.topic AND p.key = k.key AND p.place < d.place)`,
);

async function giveUp(tx: Tx, schema: Schema, consumer: string, events: readonly (Where & { readonly id: string })[], { reason, by }: Because): Promise<number> {
  const ids = events.map(({ id }) => id);
  const gone = await tx.query(discard(schema), [consumer, events.map(({ topic }) => topic), events.map(({ key }) => key), ids, reason, by]);
  crashPoint('parking.discarded');
  await tx.query(letWait(schema), [consumer, ids]);
  crashPoint('parking.left-waiting');
  await openIfEmpty(tx, schema, consumer, events);
  return gone.length;
}

/**
 * Gives up one parked event, which is kept with the reason. Those behind it stay parked until they are retried; if there
 * are none the key opens.
 * @throws Refused `unknown` if no such event is parked
 */
export async function discardParked(database: Database, schema: Schema, consumer: string, where: Where, id: string, because: Because, alongside?: Alongside): Promise<void> {
  await database.transaction(async (tx) => {
    await lockKey(tx, schema, { consumer, ...where });
    const gone = await giveUp(tx, schema, consumer, [{ ...where, id }], because);
    if (gone === 0) throw refuse('unknown', 'not-parked', 'No such event is parked for this consumer and key.');
    await alongside?.(tx);
  });
}

const firsts = perSchema(
  (schema) => `WITH shut AS (SELECT k.topic, k.key FROM ${schema}.parked_key k WHERE ${FITS} ORDER BY k.topic, k.key FOR UPDATE)
    SELECT s.topic, s.key, f.event_id AS id FROM shut s
    CROSS JOIN LATERAL (SELECT event_id FROM ${schema}.parked p WHERE p.consumer = $1::text AND p.topic = s.topic AND p.key = s.key ORDER BY p.place LIMIT 1) f`,
);

/**
 * Gives up, of each key that fits, the event it stumbled on, all in one transaction. What stood behind waits for a retry and belongs to the
 * group no more, so that doing it twice gives up nothing that was not tried.
 * @returns how many events
 */
export function discardGroup(database: Database, schema: Schema, consumer: string, filter: ParkedFilter, because: Because, alongside?: Alongside): Promise<number> {
  return database.transaction(async (tx) => {
    const events = await tx.query<Where & { id: string }>(firsts(schema), filterValues(consumer, filter));
    const gone = events.length === 0 ? 0 : await giveUp(tx, schema, consumer, events, because);
    await alongside?.(tx);
    return gone;
  });
}

const list = perSchema(
  (schema) => `SELECT d.topic, d.key, d.error, d.attempts, d.reason, d.discarded_by AS "discardedBy", d.discarded_at AS "discardedAt", ${micros('d.discarded_at')}::text AS at, ${eventJson('d')} AS shown
    FROM ${schema}.discarded d
    WHERE d.consumer = $1::text AND ($2::bigint IS NULL OR (${micros('d.discarded_at')}, d.topic, d.event_id::text) < ($2::bigint, $3::text, $4::text))
    ORDER BY ${micros('d.discarded_at')} DESC, d.topic DESC, d.event_id::text DESC LIMIT $5::int`,
);

/** What was given up, newest first. A place in this list names an event where those of parked keys name a key. */
export async function listDiscarded(reader: Reader, schema: Schema, consumer: string, after?: PlaceInList, limit?: number): Promise<Page<Discarded>> {
  const rows = await reader.query<Omit<Discarded, keyof ParkedEvent> & { at: string; shown: ParkedEvent }>(list(schema), [consumer, after?.at ?? null, after?.topic ?? null, after?.key ?? null, limit === undefined ? null : limit + 1]);
  const { items, next } = pageOf(rows, limit);
  return { items: items.map(({ shown, ...rest }) => ({ ...shown, ...rest })), ...(next ? { next: { ...next, key: rows[items.length - 1]!.shown.id } } : {}) };
}

interface ToRestore extends Where, Failure {
  readonly place: string;
}

const find = perSchema((schema) => `SELECT topic, key, error, attempts, place::text FROM ${schema}.discarded WHERE consumer = $1::text AND event_id = $2::uuid FOR UPDATE`);
const shutAgain = perSchema(
  (schema) => `INSERT INTO ${schema}.parked_key AS k (consumer, topic, key, error, attempts) VALUES ($1::text, $2::text, $3::text, $4::text, $5::int)
    ON CONFLICT (consumer, topic, key) DO UPDATE SET last_seen = clock_timestamp()`,
);
const bringBack = perSchema(
  (schema) => `WITH back AS (DELETE FROM ${schema}.discarded WHERE consumer = $1::text AND event_id = $2::uuid RETURNING *)
    INSERT INTO ${schema}.parked (place, consumer, came_from, unreadable, parked_at, ${EVENT_COLUMNS}) OVERRIDING SYSTEM VALUE
    SELECT place, consumer, came_from, unreadable, parked_at, ${EVENT_COLUMNS} FROM back ON CONFLICT DO NOTHING RETURNING 1 AS one`,
);
const blameAgain = perSchema(
  (schema) => `UPDATE ${schema}.parked_key k SET error = $4::text, attempts = $5::int WHERE consumer = $1::text AND topic = $2::text AND key = $3::text
    AND NOT EXISTS (SELECT FROM ${schema}.parked p WHERE p.consumer = k.consumer AND p.topic = k.topic AND p.key = k.key AND p.place < $6::bigint)`,
);

/**
 * Takes a discarded event back: it stands in its old place, before what came later, and its key is shut. What took effect meanwhile stays;
 * a retry applies the event behind it.
 * @throws Refused `unknown` if no such event was discarded; `conflict` if it is parked anew
 */
export function restoreDiscarded(database: Database, schema: Schema, consumer: string, id: string, alongside?: Alongside): Promise<Where> {
  return database.transaction(async (tx) => {
    const [event] = await tx.query<ToRestore>(find(schema), [consumer, id]);
    if (!event) throw refuse('unknown', 'not-discarded', 'No such event was discarded for this consumer.');
    const { topic, key, error, attempts, place } = event;
    await tx.query(shutAgain(schema), [consumer, topic, key, error, attempts]);
    crashPoint('parking.key-shut-again');
    const back = await tx.query(bringBack(schema), [consumer, id]);
    crashPoint('parking.restored');
    if (back.length === 0) throw refuse('conflict', 'parked-anew', 'The event came again after it was discarded, and is parked.');
    await tx.query(blameAgain(schema), [consumer, topic, key, error, attempts, place]);
    crashPoint('parking.blamed-again');
    await alongside?.(tx);
    return { topic, key };
  });
}
