import { refuse, crashPoint, type Caller } from '@baton/kernel';
import { statement, type Database, type Reader } from '@baton/postgres';
import { seenNow } from './subscription-status.service.js';
import { wake } from './wake.js';

/** A delivery as its partner sees it: an event of one of its subscriptions. */
export interface Delivery {
  /** Never changes; `webhook-id` is `msg_` and this. */
  readonly id: string;
  readonly subscription: string;
  readonly number: number;
  readonly kind: string;
  /** CloudEvents type of what happened. */
  readonly event: string;
  /** What it is about, as long as the partner may know. */
  readonly focus?: string;
  readonly occurred: string;
  readonly state: string;
  readonly attempts: number;
  readonly nextAt?: string;
}

export interface DeliveryAttempt {
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly outcome: string;
  readonly status?: number;
  readonly failure?: string;
}

interface Row {
  id: string;
  subscription: string;
  number: string;
  kind: string;
  type: string;
  focus: string;
  occurred: Date;
  state: string;
  attempts: number;
  next_at: Date;
}

const COLUMNS = 'e.id, e.subscription, e.number, e.kind, e.type, e.focus, e.occurred, e.state, e.attempts, e.next_at';

const list = statement(`
  SELECT ${COLUMNS} FROM notifications.event e JOIN notifications.subscription s ON s.id = e.subscription
  WHERE s.partner = $1 AND ($2::text IS NULL OR e.state = $2) AND ($3::text IS NULL OR e.subscription = $3)
    AND ($4::text IS NULL OR (e.queued_at, e.id) < (SELECT b.queued_at, b.id FROM notifications.event b WHERE b.id = $4::text::uuid))
  ORDER BY e.queued_at DESC, e.id DESC LIMIT $5`);

const one = statement(`
  SELECT ${COLUMNS} FROM notifications.event e JOIN notifications.subscription s ON s.id = e.subscription WHERE s.partner = $1 AND e.id = $2::uuid`);

const attemptsOf = statement(`
  SELECT a.started_at, a.ended_at, a.outcome, a.status, a.failure FROM notifications.attempt a
  WHERE a.subscription = $1 AND a.number = $2 AND a.outcome <> 'queried' ORDER BY a.started_at, a.id`);

export interface DeliveryQuery {
  readonly state?: string | undefined;
  readonly subscription?: string | undefined;
  /** Id of the last delivery of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Deliveries of the caller's subscriptions, newest first. */
export async function listDeliveries(db: Reader, caller: Caller, query: DeliveryQuery): Promise<Delivery[]> {
  const rows = await db.query<Row>(list, [caller.partner, query.state ?? null, query.subscription ?? null, query.after ?? null, query.limit]);
  return shownTo(db, caller, rows);
}

/** One delivery with its attempts. @throws Refused `unknown` if it is none of the caller's */
export async function readDelivery(db: Reader, caller: Caller, id: string): Promise<Delivery & { readonly history: readonly DeliveryAttempt[] }> {
  const [row] = await db.query<Row>(one, [caller.partner, id]);
  if (!row) throw unknownDelivery();
  const [delivery] = await shownTo(db, caller, [row]);
  const attempts = await db.query<{ started_at: Date; ended_at: Date | null; outcome: string; status: number | null; failure: string | null }>(attemptsOf, [row.subscription, row.number]);
  return {
    ...delivery!,
    history: attempts.map(({ started_at, ended_at, outcome, status, failure }) => ({
      startedAt: started_at.toISOString(),
      ...(ended_at === null ? {} : { endedAt: ended_at.toISOString() }),
      outcome,
      ...(status === null ? {} : { status }),
      ...(failure === null ? {} : { failure }),
    })),
  };
}

const unknownDelivery = () => refuse('unknown', 'delivery-unknown', 'There is no such delivery.');
const unknownSubscription = () => refuse('unknown', 'resource-unknown', 'There is no such Subscription.');

/** The focus goes only to who may know of it at this moment; the notice of a loss names what was lost. */
async function shownTo(db: Reader, caller: Caller, rows: readonly Row[]): Promise<Delivery[]> {
  const seen = await seenNow(db, caller.partner, rows.filter(({ kind }) => kind !== 'access-lost').map(({ focus }) => focus));
  return rows.map((row) => ({
    id: row.id,
    subscription: row.subscription,
    number: Number(row.number),
    kind: row.kind,
    event: row.type,
    ...(row.kind === 'access-lost' || seen.has(row.focus) ? { focus: row.focus } : {}),
    occurred: row.occurred.toISOString(),
    state: row.state,
    attempts: row.attempts,
    ...(row.state === 'waiting' || row.state === 'queued' ? { nextAt: row.next_at.toISOString() } : {}),
  }));
}

/** Lanes are looked at again; `moved` yields subscription and person. */
const LANES = `INSERT INTO notifications.lane AS l (subscription, person, due_at, changes)
  SELECT DISTINCT m.subscription, m.person, clock_timestamp(), 1 FROM moved m
  ON CONFLICT (subscription, person) DO UPDATE SET due_at = least(l.due_at, excluded.due_at), changes = l.changes + 1`;

const again = statement(`
  WITH moved AS (
    UPDATE notifications.event e SET state = 'queued', attempts = 0, next_at = clock_timestamp() FROM notifications.subscription s
    WHERE s.id = e.subscription AND s.partner = $1 AND e.id = $2::uuid AND s.status <> 'off' RETURNING e.subscription, e.person
  ), lanes AS (${LANES})
  SELECT subscription FROM moved`);

/**
 * Sends a delivery again, whatever became of it: as the event it was, rendered as it may be now, in its place before all later ones
 * of that person.
 * @throws Refused `unknown` if it is none of the caller's, or its subscription is off
 */
export async function resend(db: Database, caller: Caller, id: string): Promise<void> {
  const moved = await db.query(again, [caller.partner, id]);
  crashPoint('delivery.resend-queued');
  if (moved.length === 0) throw unknownDelivery();
  wake('deliveries');
}

const ownSubscription = statement(`SELECT id FROM notifications.subscription WHERE id = $1 AND partner = $2`);

const open = statement(`
  WITH moved AS (
    UPDATE notifications.event e SET state = 'queued', attempts = 0, next_at = clock_timestamp()
    WHERE e.subscription = $1 AND e.state = 'parked' RETURNING e.subscription, e.person
  ), lanes AS (${LANES})
  SELECT count(*)::int AS events, count(DISTINCT person)::int AS keys FROM moved`);

/** Opens the parked keys of a subscription: what is parked is sent again, then what waits behind it, in order. */
export async function redriveSubscription(db: Database, caller: Caller, id: string): Promise<{ events: number; keys: number }> {
  if ((await db.query(ownSubscription, [id, caller.partner])).length === 0) throw unknownSubscription();
  const [moved] = await db.query<{ events: number; keys: number }>(open, [id]);
  crashPoint('delivery.keys-reopened');
  wake('deliveries');
  return moved!;
}
