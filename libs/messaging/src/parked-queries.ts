import { perSchema, type Reader, type Schema } from '@baton/postgres';
import { EVENT_COLUMNS, eventOf, type EventRow } from './envelope.js';
import type { Failure, ParkedKey, Where } from './parked.js';

/** An event that is parked; ids and codes, and nothing of what it says. */
export interface ParkedEvent {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  /** `<partition>/<offset>` of its topic. */
  readonly from: string;
  /** Why it is no event; left out for events. */
  readonly unreadable?: string;
  /** ISO 8601: when it was written, when it was parked. */
  readonly time: string;
  readonly parkedAt: string;
  readonly correlationId: string;
  readonly causationId: string;
  readonly traceparent?: string;
}

/** An aggregate that a consumer cannot go on with. */
export interface ParkedSummary extends ParkedKey, Failure {
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  /** Events that are parked, the one that failed included. */
  readonly waiting: number;
}

/** The same with all that waits behind the event it stumbled on. */
export interface Parked extends ParkedSummary {
  /** In order; the first is the one that failed. */
  readonly events: readonly ParkedEvent[];
}

/** Which keys are meant: all that fit what is given. */
export interface ParkedFilter {
  readonly topic?: string | undefined;
  readonly key?: string | undefined;
  /** Class of the error, as it is listed. */
  readonly error?: string | undefined;
}

/** Keys of one topic that failed in the same way. */
export interface ParkedGroup {
  readonly topic: string;
  readonly error: string;
  readonly keys: number;
  readonly events: number;
  readonly oldest: Date;
  readonly newest: Date;
}

/** Where a page ended: what follows begins behind it. `at` in microseconds since 1970. */
export interface PlaceInList {
  readonly at: string;
  readonly topic: string;
  readonly key: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where it goes on, if it does. */
  readonly next?: PlaceInList;
}

const ISO = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

/** SQL: an event in a row of `parked` or `discarded`, as {@link ParkedEvent}. */
export const eventJson = (row: string): string => `json_strip_nulls(json_build_object('id', ${row}.event_id, 'type', ${row}.type, 'version', ${row}.version, 'from', ${row}.came_from,
  'unreadable', ${row}.unreadable, 'time', to_char(${row}.time AT TIME ZONE 'UTC', ${ISO}), 'parkedAt', to_char(${row}.parked_at AT TIME ZONE 'UTC', ${ISO}),
  'correlationId', ${row}.correlation_id, 'causationId', ${row}.causation_id, 'traceparent', ${row}.traceparent))`;

/** SQL: the condition of a {@link ParkedFilter} on `parked_key k`; $1 is the consumer, topic, key and error follow. */
export const FITS = `k.consumer = $1::text AND ($2::text IS NULL OR k.topic = $2::text) AND ($3::text IS NULL OR k.key = $3::text) AND ($4::text IS NULL OR k.error = $4::text)`;

export const filterValues = (consumer: string, { topic, key, error }: ParkedFilter): unknown[] => [consumer, topic ?? null, key ?? null, error ?? null];

/** SQL: microseconds since 1970, exactly. */
export const micros = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint`;

const list = perSchema(
  (schema) => `SELECT k.consumer, k.topic, k.key, k.error, k.attempts, k.first_seen AS "firstSeen", k.last_seen AS "lastSeen", ${micros('k.first_seen')}::text AS at,
      (SELECT count(*)::int FROM ${schema}.parked p WHERE p.consumer = k.consumer AND p.topic = k.topic AND p.key = k.key) AS waiting,
      (SELECT coalesce(json_agg(${eventJson('e')} ORDER BY e.place), '[]') FROM
        (SELECT * FROM ${schema}.parked p WHERE p.consumer = k.consumer AND p.topic = k.topic AND p.key = k.key ORDER BY p.place LIMIT $8::int) e) AS events
    FROM ${schema}.parked_key k
    WHERE ${FITS} AND ($5::bigint IS NULL OR (${micros('k.first_seen')}, k.topic, k.key) > ($5::bigint, $6::text, $7::text))
    ORDER BY ${micros('k.first_seen')}, k.topic, k.key LIMIT $9::int`,
);

export interface Listing extends ParkedFilter {
  readonly after?: PlaceInList | undefined;
  /** Keys at most. */
  readonly limit?: number | undefined;
  /** Events of each key at most. */
  readonly events?: number | undefined;
}

/** What is parked, oldest first. */
export async function listParked(reader: Reader, schema: Schema, consumer: string, { after, limit, events, ...filter }: Listing = {}): Promise<Page<Parked>> {
  const ask = limit === undefined ? null : limit + 1;
  const rows = await reader.query<Parked & { at: string }>(list(schema), [...filterValues(consumer, filter), after?.at ?? null, after?.topic ?? null, after?.key ?? null, events ?? null, ask]);
  return pageOf(rows, limit);
}

/** A page of rows, of which one more was asked for than it holds. */
export function pageOf<T extends PlaceInList>(rows: readonly T[], limit = Infinity): Page<Omit<T, 'at'>> {
  const items = rows.slice(0, limit).map(({ at: _at, ...item }) => item);
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return { items, ...(last ? { next: { at: last.at, topic: last.topic, key: last.key } } : {}) };
}

const groups = perSchema(
  (schema) => `SELECT k.topic, k.error, count(*)::int AS keys, coalesce(sum(w.events), 0)::int AS events, min(k.first_seen) AS oldest, max(k.last_seen) AS newest
    FROM ${schema}.parked_key k
    LEFT JOIN (SELECT topic, key, count(*) AS events FROM ${schema}.parked WHERE consumer = $1::text GROUP BY topic, key) w ON w.topic = k.topic AND w.key = k.key
    WHERE k.consumer = $1::text GROUP BY k.topic, k.error ORDER BY min(k.first_seen), k.topic, k.error`,
);

/** What is parked, by topic and error class; the group with the oldest key first. */
export const groupParked = (reader: Reader, schema: Schema, consumer: string): Promise<ParkedGroup[]> => reader.query(groups(schema), [consumer]);

const count = perSchema((schema) => `SELECT count(*)::int AS keys FROM ${schema}.parked_key WHERE consumer = $1::text`);

/** How many keys are parked. */
export async function countParked(reader: Reader, schema: Schema, consumer: string): Promise<number> {
  const [row] = await reader.query<{ keys: number }>(count(schema), [consumer]);
  return row!.keys;
}

/** An event with what it says, for those who may read that. */
export interface OpenedEvent extends ParkedEvent, Where {
  readonly data: Readonly<Record<string, unknown>>;
}

const opened = perSchema((schema) => {
  const from = (table: string): string => `SELECT ${EVENT_COLUMNS}, ${eventJson('e')} AS shown FROM ${schema}.${table} e WHERE e.consumer = $1::text AND e.event_id = $2::uuid AND ($3::text IS NULL OR (e.topic = $3::text AND e.key = $4::text))`;
  return `${from('parked')} UNION ALL ${from('discarded')} AND $3::text IS NULL`;
});

/** One event with its data; of those that are parked under a key, or, without one, of all, the discarded ones included. */
export async function openEvent(reader: Reader, schema: Schema, consumer: string, id: string, where?: Where): Promise<OpenedEvent | undefined> {
  const [row] = await reader.query<EventRow & { shown: ParkedEvent }>(opened(schema), [consumer, id, where?.topic ?? null, where?.key ?? null]);
  if (!row) return undefined;
  const { topic, key, data } = eventOf(row);
  return { ...row.shown, topic, key, data };
}
