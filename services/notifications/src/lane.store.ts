import { crashPoint } from '@baton/kernel';
import { statement, type Database, type Tx } from '@baton/postgres';
import type { Answer, Verdict } from './delivery.js';

/** Milliseconds after which a worker that gives no sign of life loses what it holds. */
export const WORKER_TTL = 3_000;
/** Milliseconds a lane may be held beyond the time-out of its request. */
const MARGIN = 10_000;
/** Lanes that are leased at once. What is due beyond them is leased next, the longest due first. */
export const LANES_AT_ONCE = 16;

/** A lane in hand: nobody else delivers to this person of this subscription meanwhile. */
export interface Lease {
  readonly subscription: string;
  readonly person: string;
  readonly token: string;
}

// Several subscriptions may name one endpoint: what it may still get is shared among their lanes.
const leaseLanes = statement(`
  WITH room AS (
    SELECT * FROM unnest($1::text[], $2::int[]) AS r(endpoint, free)
  ), due AS (
    SELECT k.subscription, k.person, k.due_at, s.free, row_number() OVER (PARTITION BY s.endpoint ORDER BY k.due_at) AS place
    FROM (SELECT a.id, a.endpoint, coalesce((SELECT r.free FROM room r WHERE r.endpoint = a.endpoint), $3::int) AS free FROM notifications.subscription a WHERE a.status = 'active') s
    CROSS JOIN LATERAL (
      SELECT k.subscription, k.person, k.due_at FROM notifications.lane k
      WHERE k.subscription = s.id AND k.token IS NULL AND k.due_at <= statement_timestamp()
      ORDER BY k.due_at LIMIT least(s.free, ${LANES_AT_ONCE}) FOR UPDATE OF k SKIP LOCKED) k
  ), picked AS (
    SELECT d.subscription, d.person FROM due d WHERE d.place <= d.free ORDER BY d.due_at LIMIT ${LANES_AT_ONCE}
  )
  UPDATE notifications.lane k SET token = $5::uuid, holder = $4::uuid,
    until = clock_timestamp() + make_interval(secs => coalesce((SELECT s.timeout_seconds FROM notifications.subscription s WHERE s.id = k.subscription), 15) + ${MARGIN / 1000})
  FROM picked p WHERE k.subscription = p.subscription AND k.person = p.person`);

/**
 * Leases lanes in which something is due, the longest due first. They stay locked until the transaction ends, so that what is asked
 * after this in it is as fresh as a withdrawal that waits for them needs it to be.
 *
 * @param room how many requests each endpoint that is known may still get; `usual` for any other
 */
export const lease = (tx: Tx, holder: string, token: string, room: ReadonlyMap<string, number>, usual: number): Promise<object[]> =>
  tx.query(leaseLanes, [[...room.keys()], [...room.values()], usual, holder, token]);

const MINE = `SELECT k.changes FROM notifications.lane k WHERE k.subscription = $1 AND k.person = $2 AND k.token = $3::uuid`;

/**
 * Condition: the event `e` is one of a lane. The small index of what is undelivered leads with the person; asked for plainly, the
 * subscription would invite a walk through all its numbers.
 */
export const OF_LANE = (subscription: string, person: string, e = 'e'): string => `${e}.person = ${person} AND ${e}.subscription IS NOT DISTINCT FROM ${subscription}`;

const UNDELIVERED = `SELECT e.number, e.urgent, e.state, e.next_at FROM notifications.event e
  WHERE ${OF_LANE('$1', '$2')} AND e.state IN ('queued', 'waiting', 'parked')`;

/** When a lane must be looked at next, from the events of `undelivered` (number, urgent, state, next_at). */
const DUE = `SELECT min(u.next_at) AS at FROM undelivered u WHERE u.state IN ('queued', 'waiting') AND (u.urgent OR u.number = (SELECT min(h.number) FROM undelivered h))`;

const UNCHANGED = `k.subscription = $1 AND k.person = $2 AND k.token = $3::uuid AND k.changes = (SELECT m.changes FROM mine m)`;

/** Gives back a lane in which something is still to come; one in which nothing is goes, so that there are no more lanes than work. */
const FREED = `due AS (${DUE}), freed AS (
    UPDATE notifications.lane k SET token = NULL, holder = NULL, until = NULL, due_at = (SELECT at FROM due) WHERE ${UNCHANGED} AND (SELECT at FROM due) IS NOT NULL
    RETURNING k.due_at <= clock_timestamp() AS again
  ), emptied AS (
    DELETE FROM notifications.lane k WHERE ${UNCHANGED} AND (SELECT at FROM due) IS NULL RETURNING false AS again
  )
  SELECT EXISTS (SELECT FROM mine) AS held, (SELECT again FROM (SELECT again FROM freed UNION ALL SELECT again FROM emptied) f) AS again`;

/** `again` is null if events were queued since the snapshot: the lane was not given back. */
interface Freed {
  readonly held: boolean;
  readonly again: boolean | null;
}

const freeLane = statement(`WITH mine AS (${MINE}), undelivered AS (${UNDELIVERED}), ${FREED}`);

/**
 * Gives a lane back, due when its next event is. Events that are queued at the same moment make it look again.
 * @returns whether something is due in it already
 */
export async function release(db: Database, { subscription, person, token }: Lease): Promise<boolean> {
  for (;;) {
    const [row] = await db.query<Freed>(freeLane, [subscription, person, token]);
    crashPoint('delivery.lane-freed');
    if (!row!.held || row!.again !== null) return row!.again ?? false;
  }
}

/** What an attempt came to, and what becomes of the event. */
export interface Recorded {
  readonly verdict: Verdict;
  readonly answer: Answer;
  /** Milliseconds until the next attempt, where there is to be one. */
  readonly pauseMs?: number;
  /** Code of subscription-error while the channel fails. */
  readonly error?: string;
}

// States are told by what they are not: with IN, the small index of what is undelivered would be gone through instead of the key.
// The health of a channel is written when it says something new, and else once a second: its row is one for all deliveries, and each
// that so much as locked it would wait for the commit of the one before.
const recordAttempt = statement(`
  WITH mine AS (${MINE}), ended AS (
    UPDATE notifications.attempt SET outcome = $5, status = $6, failure = $7, ended_at = clock_timestamp() WHERE id = $4::uuid RETURNING id
  ), moved AS (
    UPDATE notifications.event e SET state = $8, attempts = e.attempts + $9::int, next_at = clock_timestamp() + $10::float8 * interval '1 ms'
    WHERE e.id = $12::uuid AND EXISTS (SELECT FROM ended) AND e.state NOT IN ('parked', 'delivered', 'abandoned')
      AND ($8 = 'delivered' OR EXISTS (SELECT FROM mine))
    RETURNING e.number, e.urgent, e.state, e.next_at
  ), undelivered AS (
    SELECT o.* FROM (${UNDELIVERED}) o WHERE o.number NOT IN (SELECT number FROM moved)
    UNION ALL SELECT * FROM moved WHERE state <> 'delivered'
  ), health AS (
    INSERT INTO notifications.channel_health AS h (subscription, last_success_at, last_sent_at, error)
    SELECT $1, CASE WHEN $8 = 'delivered' THEN clock_timestamp() END, clock_timestamp(), $11
    WHERE $5 <> 'abandoned' AND NOT EXISTS (SELECT FROM notifications.channel_health n
      WHERE n.subscription = $1 AND n.error IS NOT DISTINCT FROM $11 AND n.last_sent_at >= statement_timestamp() - interval '1 second')
    ON CONFLICT (subscription) DO UPDATE SET last_success_at = coalesce(excluded.last_success_at, h.last_success_at), last_sent_at = excluded.last_sent_at, error = excluded.error
  ), ${FREED}`);

const STATE: Record<Verdict, string> = { delivered: 'delivered', gone: 'waiting', parked: 'parked', retry: 'waiting', abandoned: 'queued' };

/**
 * Notes how an attempt ended, moves its event on and gives the lane back, in one statement. A worker that lost the lane meanwhile may
 * still say that it delivered; anything else is the new holder's to say.
 *
 * @param begun ids of the event and of the attempt
 * @returns whether something is due in the lane already
 */
export async function record(db: Database, leased: Lease, begun: { readonly id: string; readonly attempt: string }, { verdict, answer, pauseMs = 0, error }: Recorded): Promise<boolean> {
  const { subscription, person, token } = leased;
  const values = [subscription, person, token, begun.attempt, verdict, answer.status ?? null, answer.failure ?? null, STATE[verdict], verdict === 'abandoned' ? 0 : 1, pauseMs, error ?? null, begun.id];
  const [row] = await db.query<Freed>(recordAttempt, values);
  crashPoint('delivery.recorded');
  if (verdict === 'retry') crashPoint('delivery.retry-scheduled');
  if (verdict === 'parked') crashPoint('delivery.parked');
  return row!.held && row!.again === null ? release(db, leased) : (row!.again ?? false);
}

const beat = statement(`INSERT INTO notifications.worker (id, until) VALUES ($1, clock_timestamp() + $2::int * interval '1 ms')
  ON CONFLICT (id) DO UPDATE SET until = excluded.until`);

const takeOver = statement(`
  WITH gone AS (DELETE FROM notifications.worker WHERE until < clock_timestamp() - interval '1 minute')
  UPDATE notifications.lane k SET token = NULL, holder = NULL, until = NULL, due_at = clock_timestamp()
  WHERE k.token IS NOT NULL AND (k.until < clock_timestamp()
    OR NOT EXISTS (SELECT FROM notifications.worker w WHERE w.id = k.holder AND w.until > clock_timestamp())) RETURNING k.person`);

const leave = statement(`DELETE FROM notifications.worker WHERE id = $1`);

/** A sign of life of a worker; frees what workers hold that gave none. @returns whether lanes were freed */
export async function signOfLife(db: Database, holder: string): Promise<boolean> {
  const freed = await db.transaction(async (tx) => (await Promise.all([tx.query(beat, [holder, WORKER_TTL]), tx.last(takeOver)]))[1]);
  crashPoint('delivery.worker-beat');
  return freed.length > 0;
}

/** The worker stops, and holds nothing any more. */
export async function signOff(db: Database, holder: string): Promise<void> {
  await db.query(leave, [holder]);
  crashPoint('delivery.worker-left');
}

const succeededSince = statement(`
  SELECT 1 AS one FROM notifications.channel_health h WHERE h.subscription = $1
    AND h.last_success_at > (SELECT min(a.started_at) FROM notifications.attempt a WHERE a.subscription = $1 AND a.number = $2)`);

/** Whether anything was delivered to the subscription since the first attempt of an event. */
export const deliveredSince = async (db: Database, subscription: string, number: number): Promise<boolean> => (await db.query(succeededSince, [subscription, number])).length > 0;

const unwait = statement(`
  WITH again AS (
    UPDATE notifications.event SET state = 'queued', attempts = 0, next_at = clock_timestamp() WHERE subscription = $1 AND state = 'waiting'
  )
  UPDATE notifications.lane k SET due_at = clock_timestamp(), changes = k.changes + 1 WHERE k.subscription = $1`);

/** A subscription is active again: everything undelivered goes on from the first, as if never tried. Parked keys stay shut. */
export async function resume(tx: Tx, subscription: string): Promise<void> {
  await tx.query(unwait, [subscription]);
  crashPoint('delivery.resumed');
}

const cleanLanes = statement(`
  DELETE FROM notifications.lane k USING (SELECT subscription, person, changes FROM notifications.lane WHERE due_at IS NULL AND token IS NULL LIMIT 1000) empty
  WHERE k.subscription = empty.subscription AND k.person = empty.person AND k.changes = empty.changes AND k.token IS NULL AND k.due_at IS NULL
    AND NOT EXISTS (SELECT FROM notifications.event e WHERE e.subscription = k.subscription AND e.person = k.person AND e.state IN ('queued', 'waiting', 'parked'))`);

/** Removes lanes in which nothing waits any more: those of subscriptions that ended. */
export async function sweepLanes(db: Database): Promise<void> {
  await db.query(cleanLanes);
  crashPoint('delivery.lanes-swept');
}
