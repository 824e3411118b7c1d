import { crashPoint } from '@baton/kernel';
import { statement, type Database, type Tx } from '@baton/postgres';
import type { Answer, Verdict } from './delivery.js';

/** Milliseconds after which a worker that gives no sign of life loses what it holds. */
const WORKER_TTL = 3_000;
/** Milliseconds a lane may be held beyond the time-out of its request. */
const MARGIN = 10_000;

/** One lane in hand: nobody else delivers to this person of this subscription meanwhile. */
export interface Claim {
  readonly subscription: string;
  readonly person: string;
  readonly token: string;
  readonly fence: string;
  readonly partner: string;
  readonly endpoint: string;
  readonly payload: string;
  /** Sealed header lines. */
  readonly headers: readonly string[];
  readonly timeoutMs: number;
  /** Sealed signing secrets, newest first. */
  readonly secrets: readonly string[];
  /** What is to be sent; nothing if nothing is due by now. */
  readonly event: DueEvent | null;
}

export interface DueEvent {
  readonly id: string;
  readonly number: number;
  readonly refs: readonly string[];
  readonly owner: string;
  readonly patient: string | null;
  readonly correlation: string;
  readonly urgent: boolean;
  readonly attempts: number;
}

/** Signing secrets that are in use, as an SQL array, newest first. */
export const SECRETS_OF = (partner: string): string => `ARRAY(SELECT g.sealed FROM notifications.signing_secret g WHERE g.partner = ${partner}
  AND (g.retires_at IS NULL OR g.retires_at > statement_timestamp()) ORDER BY g.created_at DESC LIMIT 3)`;

/**
 * What a lane sends next. The oldest undelivered event is its head and goes before all others; only urgent events pass it, and
 * only when it waits or is parked: what is fresh and older is about to go out anyway.
 */
const NEXT = (lane: string): string => `
  SELECT e.id, e.number, e.refs, e.owner, e.patient, e.correlation_id, e.urgent, e.attempts FROM notifications.event e
  WHERE e.subscription = ${lane}.subscription AND e.person = ${lane}.person AND e.state IN ('queued', 'waiting') AND e.next_at <= statement_timestamp()
    AND (e.urgent OR e.number = (SELECT min(h.number) FROM notifications.event h
      WHERE h.subscription = ${lane}.subscription AND h.person = ${lane}.person AND h.state IN ('queued', 'waiting', 'parked')))
  ORDER BY e.state = 'waiting', e.number LIMIT 1`;

const claimLanes = statement(`
  WITH room AS (
    SELECT * FROM unnest($1::text[], $2::int[]) AS r(endpoint, free)
  ), picked AS (
    SELECT k.subscription, k.person FROM notifications.subscription s
    CROSS JOIN LATERAL (
      SELECT k.subscription, k.person FROM notifications.lane k
      WHERE k.subscription = s.id AND k.token IS NULL AND k.due_at <= statement_timestamp()
      ORDER BY k.due_at LIMIT coalesce((SELECT r.free FROM room r WHERE r.endpoint = s.endpoint), $3::int)
      FOR UPDATE OF k SKIP LOCKED) k
    WHERE s.status = 'active'
  ), claimed AS (
    UPDATE notifications.lane k SET token = gen_random_uuid(), holder = $4::uuid,
      until = clock_timestamp() + make_interval(secs => coalesce((SELECT s.timeout_seconds FROM notifications.subscription s WHERE s.id = k.subscription), 15) + ${MARGIN / 1000})
    FROM picked p WHERE k.subscription = p.subscription AND k.person = p.person
    RETURNING k.subscription, k.person, k.token, k.fence
  )
  SELECT c.subscription, c.person, c.token, c.fence::text AS fence, s.partner, s.endpoint, s.payload, s.headers, coalesce(s.timeout_seconds, 15) * 1000 AS "timeoutMs",
    ${SECRETS_OF('s.partner')} AS secrets,
    CASE WHEN e.id IS NOT NULL THEN json_build_object('id', e.id, 'number', e.number, 'refs', e.refs, 'owner', e.owner, 'patient', e.patient,
      'correlation', e.correlation_id, 'urgent', e.urgent, 'attempts', e.attempts) END AS event
  FROM claimed c JOIN notifications.subscription s ON s.id = c.subscription
  LEFT JOIN LATERAL (${NEXT('c')}) e ON true`);

/**
 * Takes lanes in which something is due.
 *
 * @param room how many requests each endpoint that is known may still get; `usual` for any other
 */
export async function claim(db: Database, holder: string, room: ReadonlyMap<string, number>, usual: number): Promise<Claim[]> {
  const claims = await db.query<Claim>(claimLanes, [[...room.keys()], [...room.values()], usual, holder]);
  crashPoint('delivery.leased');
  return claims;
}

/** When a lane must be looked at next, from the events of `undelivered` (number, urgent, state, next_at). */
const DUE = `(SELECT min(u.next_at) FROM undelivered u WHERE u.state IN ('queued', 'waiting') AND (u.urgent OR u.number = (SELECT min(h.number) FROM undelivered h)))`;

const FREE = `UPDATE notifications.lane k SET token = NULL, holder = NULL, until = NULL, due_at = ${DUE}
  WHERE k.subscription = $1 AND k.person = $2 AND k.token = $3::uuid AND k.changes = (SELECT m.changes FROM mine m) RETURNING k.person`;

const MINE = `SELECT k.changes FROM notifications.lane k WHERE k.subscription = $1 AND k.person = $2 AND k.token = $3::uuid`;

const UNDELIVERED = `SELECT e.number, e.urgent, e.state, e.next_at FROM notifications.event e
  WHERE e.subscription = $1 AND e.person = $2 AND e.state IN ('queued', 'waiting', 'parked')`;

const freeLane = statement(`WITH mine AS (${MINE}), undelivered AS (${UNDELIVERED}), freed AS (${FREE})
  SELECT (SELECT count(*)::int FROM mine) AS held, (SELECT count(*)::int FROM freed) AS freed`);

/** Gives a lane back, due when its next event is. Events that are queued at the same moment make it look again. */
export async function release(db: Database, { subscription, person, token }: Claim): Promise<void> {
  for (;;) {
    const [row] = await db.query<{ held: number; freed: number }>(freeLane, [subscription, person, token]);
    crashPoint('delivery.lane-freed');
    if (row!.held === 0 || row!.freed > 0) return;
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
const recordAttempt = statement(`
  WITH mine AS (${MINE}), ended AS (
    UPDATE notifications.attempt SET outcome = $5, status = $6, failure = $7, ended_at = clock_timestamp() WHERE id = $4::uuid RETURNING number
  ), moved AS (
    UPDATE notifications.event e SET state = $8, attempts = e.attempts + $9::int, next_at = clock_timestamp() + $10::float8 * interval '1 ms'
    WHERE e.subscription = $1 AND e.number = (SELECT number FROM ended) AND e.state NOT IN ('parked', 'delivered', 'abandoned')
      AND ($8 = 'delivered' OR EXISTS (SELECT FROM mine))
    RETURNING e.number, e.urgent, e.state, e.next_at
  ), undelivered AS (
    SELECT o.* FROM (${UNDELIVERED}) o WHERE o.number NOT IN (SELECT number FROM moved)
    UNION ALL SELECT * FROM moved WHERE state <> 'delivered'
  ), health AS (
    INSERT INTO notifications.channel_health AS h (subscription, last_success_at, last_sent_at, error)
    SELECT $1, CASE WHEN $8 = 'delivered' THEN clock_timestamp() END, clock_timestamp(), $11
    WHERE $5 <> 'abandoned'
    ON CONFLICT (subscription) DO UPDATE SET last_success_at = coalesce(excluded.last_success_at, h.last_success_at), last_sent_at = excluded.last_sent_at, error = excluded.error
    WHERE h.error IS DISTINCT FROM excluded.error OR h.last_sent_at IS NULL OR h.last_sent_at < excluded.last_sent_at - interval '1 second'
  ), freed AS (${FREE})
  SELECT (SELECT count(*)::int FROM mine) AS held, (SELECT count(*)::int FROM freed) AS freed`);

const STATE: Record<Verdict, string> = { delivered: 'delivered', gone: 'waiting', parked: 'parked', retry: 'waiting', abandoned: 'queued' };

/**
 * Notes how an attempt ended, moves its event on and gives the lane back, in one statement. A worker that lost the lane meanwhile may
 * still say that it delivered; anything else is the new holder's to say.
 */
export async function record(db: Database, claimed: Claim, attempt: string, { verdict, answer, pauseMs = 0, error }: Recorded): Promise<void> {
  const { subscription, person, token } = claimed;
  const values = [subscription, person, token, attempt, verdict, answer.status ?? null, answer.failure ?? null, STATE[verdict], verdict === 'abandoned' ? 0 : 1, pauseMs, error ?? null];
  const [row] = await db.query<{ held: number; freed: number }>(recordAttempt, values);
  crashPoint('delivery.recorded');
  if (verdict === 'retry') crashPoint('delivery.retry-scheduled');
  if (verdict === 'parked') crashPoint('delivery.parked');
  if (row!.held > 0 && row!.freed === 0) await release(db, claimed);
}

const beat = statement(`INSERT INTO notifications.worker (id, until) VALUES ($1, clock_timestamp() + $2::int * interval '1 ms')
  ON CONFLICT (id) DO UPDATE SET until = excluded.until`);

const takeOver = statement(`
  WITH gone AS (DELETE FROM notifications.worker WHERE until < clock_timestamp() - interval '1 minute')
  UPDATE notifications.lane k SET token = NULL, holder = NULL, until = NULL, due_at = clock_timestamp()
  WHERE k.token IS NOT NULL AND (k.until < clock_timestamp()
    OR NOT EXISTS (SELECT FROM notifications.worker w WHERE w.id = k.holder AND w.until > clock_timestamp())) RETURNING k.person`);

const leave = statement(`DELETE FROM notifications.worker WHERE id = $1`);

/** A sign of life of a worker; frees what workers hold that gave none. */
export async function signOfLife(db: Database, holder: string): Promise<void> {
  await db.query(beat, [holder, WORKER_TTL]);
  await db.query(takeOver);
  crashPoint('delivery.worker-beat');
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

/** Removes lanes in which nothing waits any more. */
export async function sweepLanes(db: Database): Promise<void> {
  await db.query(cleanLanes);
  crashPoint('delivery.lanes-swept');
}
