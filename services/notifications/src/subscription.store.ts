import type { Resource } from '@baton/fhir';
import { amended, contentOf, lock, timeOf, write } from '@baton/fhir-store';
import { batonActs, crashPoint, newEventId } from '@baton/kernel';
import { statement, type Database, type Fragment, type Tx } from '@baton/postgres';
import { CHANNEL_OF, type Channel } from './channel.store.js';
import { resume } from './lane.store.js';
import type { SubscriptionSettings, SubscriptionStatus } from './subscription.js';
import { wake } from './wake.js';

const COLUMNS = 'topic, canonical, filters, endpoint, content, payload, headers, heartbeat_seconds, timeout_seconds, max_count, ends_at';

const valuesOf = (settings: SubscriptionSettings, sealedHeaders: readonly string[]): unknown[] => [
  settings.topic,
  settings.canonical,
  JSON.stringify(settings.filters),
  settings.endpoint,
  settings.content,
  settings.payload,
  sealedHeaders,
  settings.heartbeatSeconds ?? null,
  settings.timeoutSeconds ?? null,
  settings.maxCount ?? null,
  settings.end ?? null,
];

/** The row of a new subscription. */
export const newSubscription = (id: string, partner: string, settings: SubscriptionSettings, sealedHeaders: readonly string[]): Fragment => ({
  sql: `INSERT INTO notifications.subscription (id, partner, status, ${COLUMNS})
    VALUES ($1, $2, 'requested', $3, $4, $5::jsonb, $6, $7, $8, $9::text[], $10, $11, $12, $13)`,
  values: [id, partner, ...valuesOf(settings, sealedHeaders)],
});

/** The row after its owner changed it. A handshake is asked for by status `requested`. */
export const changedSubscription = (id: string, status: SubscriptionStatus, settings: SubscriptionSettings, sealedHeaders: readonly string[]): Fragment => ({
  sql: `UPDATE notifications.subscription SET status = $2, (${COLUMNS}) = ROW($3, $4, $5::jsonb, $6, $7, $8, $9::text[], $10::int, $11::int, $12::int, $13::timestamptz),
      generation = generation + ($2 = 'requested')::int, handshake_until = NULL WHERE id = $1`,
  values: [id, status, ...valuesOf(settings, sealedHeaders)],
});

/** The row after its end. What was not delivered never will be. */
export const endedSubscription = (id: string): Readonly<Record<string, Fragment>> => ({
  subscription_ended: { sql: `UPDATE notifications.subscription SET status = 'off' WHERE id = $1`, values: [id] },
  events_given_up: { sql: `UPDATE notifications.event SET state = 'abandoned' WHERE subscription = $1 AND state IN ('queued', 'waiting', 'parked')`, values: [id] },
  lanes_closed: { sql: `UPDATE notifications.lane SET due_at = NULL, changes = changes + 1 WHERE subscription = $1`, values: [id] },
});

/** What was undelivered goes on from the first; parked keys stay shut. */
export const resumed = (id: string): Readonly<Record<string, Fragment>> => ({
  events_again: { sql: `UPDATE notifications.event SET state = 'queued', attempts = 0, next_at = clock_timestamp() WHERE subscription = $1 AND state = 'waiting'`, values: [id] },
  lanes_again: { sql: `UPDATE notifications.lane SET due_at = clock_timestamp(), changes = changes + 1 WHERE subscription = $1`, values: [id] },
});

/** A sign that is due: a handshake, or a heartbeat. Not an event, and not counted as one. */
export interface DueSign extends Channel {
  readonly generation: number;
  readonly type: 'handshake' | 'heartbeat';
  readonly canonical: string;
  readonly total: number;
}

const SIGN = `${CHANNEL_OF('c')}, c.generation, c.canonical, (SELECT coalesce(max(e.number), 0)::int FROM notifications.event e WHERE e.subscription = c.id) AS total`;

const dueHandshakes = statement(`
  WITH picked AS (
    SELECT id FROM notifications.subscription WHERE status = 'requested' AND (handshake_until IS NULL OR handshake_until < clock_timestamp())
    ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
  ), c AS (
    UPDATE notifications.subscription s SET handshake_until = clock_timestamp() + make_interval(secs => coalesce(s.timeout_seconds, 15) + 5)
    FROM picked p WHERE s.id = p.id RETURNING s.*
  )
  SELECT ${SIGN}, 'handshake' AS type FROM c`);

const dueHeartbeats = statement(`
  WITH due AS (
    SELECT s.id FROM notifications.subscription s JOIN notifications.channel_health h ON h.subscription = s.id
    WHERE s.status = 'active' AND s.heartbeat_seconds IS NOT NULL AND h.last_sent_at < clock_timestamp() - make_interval(secs => s.heartbeat_seconds)
    ORDER BY s.id LIMIT $1 FOR UPDATE OF h SKIP LOCKED
  ), noted AS (
    UPDATE notifications.channel_health h SET last_sent_at = clock_timestamp() FROM due d WHERE h.subscription = d.id RETURNING h.subscription
  ), c AS (
    SELECT s.* FROM notifications.subscription s JOIN noted n ON n.subscription = s.id
  )
  SELECT ${SIGN}, 'heartbeat' AS type FROM c`);

const ended = statement(`SELECT id FROM notifications.subscription WHERE status <> 'off' AND ends_at <= clock_timestamp() LIMIT 20`);

/** What subscriptions ask for besides deliveries. */
export interface Due {
  /** Leased: a handshake that is not settled in time is taken again. */
  readonly signs: readonly DueSign[];
  /** Ids of subscriptions whose `end` has come. */
  readonly ended: readonly string[];
}

/** Takes the handshakes and heartbeats that are due, and looks for subscriptions that end: in one flight. @param most of either sign */
export async function claimSigns(db: Database, most: number): Promise<Due> {
  const [handshakes, heartbeats, over] = await db.transaction((tx) =>
    Promise.all([tx.query<DueSign>(dueHandshakes, [most]), tx.query<DueSign>(dueHeartbeats, [most]), tx.last<{ id: string }>(ended)]),
  );
  crashPoint('handshake.leased');
  crashPoint('heartbeat.leased');
  return { signs: [...handshakes, ...heartbeats], ended: over.map(({ id }) => id) };
}

const setStatus = statement(`UPDATE notifications.subscription SET status = $2, handshake_until = NULL WHERE id = $1 AND status = ANY($3::text[]) AND ($4::int IS NULL OR generation = $4) RETURNING id`);
const noteHealth = statement(`INSERT INTO notifications.channel_health AS h (subscription, last_success_at, last_sent_at, error) VALUES ($1, CASE WHEN $2::text IS NULL THEN clock_timestamp() END, clock_timestamp(), $2)
  ON CONFLICT (subscription) DO UPDATE SET last_success_at = coalesce(excluded.last_success_at, h.last_success_at), last_sent_at = excluded.last_sent_at, error = excluded.error`);

/** Puts an active subscription into `error`. */
export type Disable = (subscription: string, error: string) => Promise<void>;

/** Baton changes a subscription's status: the resource (a new version) and the row beside it. @returns whether it did */
async function move(tx: Tx, id: string, from: readonly SubscriptionStatus[], to: SubscriptionStatus, generation?: number): Promise<boolean> {
  const acting = batonActs({ requestId: newEventId(), correlationId: newEventId() });
  const current = await lock(tx, acting, 'Subscription', id);
  if (!current || current.deleted) return false;
  if ((await tx.query(setStatus, [id, to, from, generation ?? null])).length === 0) return false;
  crashPoint('subscription.status-set');
  const put = amended(current, { ...(contentOf(current) as Resource), status: to }, timeOf(tx.now, current));
  const audit = [{ interaction: 'update' as const, resources: [`Subscription/${id}/_history/${put.version}`], owners: [put.owner] }];
  await write(tx, 'notifications', acting, { puts: [put], events: [], audit, answer: undefined });
  return true;
}

/** Settles a handshake, unless another was asked for meanwhile. */
export async function settleHandshake(db: Database, sign: DueSign, error: string | undefined): Promise<boolean> {
  return db.transaction(async (tx) => {
    const moved = await move(tx, sign.subscription, ['requested'], error === undefined ? 'active' : 'error', sign.generation);
    if (!moved) return false;
    await tx.query(noteHealth, [sign.subscription, error ?? null]);
    crashPoint('subscription.handshake-settled');
    if (error === undefined) await resume(tx, sign.subscription);
    tx.afterCommit(() => wake('deliveries'));
    return true;
  });
}

/** Deliveries to a subscription stop; its events go on being numbered and kept. @returns whether they were flowing */
export async function disableSubscription(db: Database, id: string, error: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    const moved = await move(tx, id, ['active'], 'error');
    if (moved) await tx.query(noteHealth, [id, error]);
    crashPoint('subscription.disabled');
    return moved;
  });
}

/** Notes how a heartbeat went. */
export async function noteHeartbeat(db: Database, sign: DueSign, error: string | undefined): Promise<void> {
  await db.query(noteHealth, [sign.subscription, error ?? null]);
  crashPoint('subscription.heartbeat-noted');
}

/** Turns off subscriptions whose `end` has come. */
export async function endSubscriptions(db: Database, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await db.transaction(async (tx) => {
      if (!(await move(tx, id, ['requested', 'active', 'error'], 'off'))) return;
      await Promise.all(Object.values(endedSubscription(id)).map(({ sql, values }) => tx.query(statement(sql), values)));
      crashPoint('subscription.ended');
    });
  }
}
