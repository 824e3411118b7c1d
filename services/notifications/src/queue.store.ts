import type { BatonEvent } from '@baton/contracts';
import { seenRows } from '@baton/fhir-store';
import { crashPoint } from '@baton/kernel';
import { statement, type Tx } from '@baton/postgres';
import type { Tiding } from './tiding.js';
import { passes, type Filter } from './topic-filter.js';
import { wake } from './wake.js';

/** A subscription whose events are numbered in this transaction: its row is locked. */
interface Listening {
  readonly id: string;
  readonly partner: string;
  readonly topic: string;
  readonly filters: readonly Filter[];
}

const lockAll = statement(
  `SELECT id, partner, topic, filters FROM notifications.subscription WHERE status <> 'off' ORDER BY id FOR NO KEY UPDATE`,
);

const locked = new WeakMap<Tx, Promise<Listening[]>>();

/**
 * Every subscription that counts events, locked in id order, once per transaction and so once per batch of events. Whoever holds them
 * all can number without gaps and cannot deadlock with another consumer.
 */
export function listening(tx: Tx): Promise<Listening[]> {
  let all = locked.get(tx);
  if (!all) {
    all = tx.query<Listening>(lockAll);
    locked.set(tx, all);
  }
  return all;
}

/** The person of a Patient as of now, and the Patient itself where there is none. */
const personOf = (patient: string): string => `coalesce((SELECT p.person::text FROM directory.person_v1 p WHERE p.patient = ${patient}::text), ${patient}::text)`;

/** The next number: one more than the highest there is. Its subscription is locked, so nobody else takes it. */
const highest = (subscription: string): string => `coalesce((SELECT max(e.number) FROM notifications.event e WHERE e.subscription = ${subscription}), 0)`;

/** Lanes of queued events are looked at again; `queued` yields subscription and person. */
const LANES = `INSERT INTO notifications.lane AS l (subscription, person, due_at, changes)
  SELECT DISTINCT q.subscription, q.person, clock_timestamp(), 1 FROM queued q
  ON CONFLICT (subscription, person) DO UPDATE SET due_at = least(l.due_at, excluded.due_at), changes = l.changes + 1
  RETURNING l.subscription`;

const queue = statement(`
  WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::text[]) AS w(subscription, partner)
  ), seen AS (
    SELECT w.subscription, r.owner FROM wanted w CROSS JOIN LATERAL ${seenRows('ARRAY[$3::text]', 'w.partner')} r
  ), known AS MATERIALIZED (
    SELECT e.subscription, e.number, e.kind, e.state, e.focus, e.versions FROM notifications.event e WHERE $15::boolean AND e.focus = $3
  ), fresh AS (
    SELECT s.* FROM seen s WHERE NOT EXISTS (
      SELECT FROM known before WHERE before.subscription = s.subscription AND before.number = (SELECT max(k.number) FROM known k WHERE k.subscription = s.subscription)
        AND before.kind <> 'access-lost' AND before.versions[1] >= ($6::int[])[1] AND coalesce(before.versions[2], 0) >= coalesce(($6::int[])[2], 0)
        AND (before.state IN ('queued', 'waiting') OR EXISTS (
          SELECT FROM notifications.attempt a WHERE a.subscription = before.subscription AND a.number = before.number AND before.focus = ANY(a.named))))
  ), queued AS (
    INSERT INTO notifications.event (subscription, number, id, kind, type, focus, aggregate, version, refs, versions, owner, patient, referral, person, urgent, occurred, correlation_id)
    SELECT f.subscription, ${highest('f.subscription')} + 1, gen_random_uuid(), $4, $12, $3, $10, $11, $5::text[], $6::int[], f.owner, $8, $9, ${personOf('$8')}, $7, $13::timestamptz, $14
    FROM fresh f ON CONFLICT (subscription, focus, aggregate, version, kind) DO NOTHING
    RETURNING subscription, person
  )
  ${LANES}`);

/**
 * Numbers and queues a tiding for the subscriptions on its topics, whose filters it passes and whose partner sees its focus in the
 * snapshot of this statement. What was queued before (same focus, aggregate version and kind) is not queued again.
 *
 * @returns ids of the subscriptions that will be told
 */
export async function queueTiding(tx: Tx, event: BatonEvent, tiding: Tiding): Promise<string[]> {
  const wanted = (await listening(tx)).filter(
    ({ topic, partner, filters }) =>
      (tiding.topics as readonly string[]).includes(topic) && (tiding.only?.includes(partner) ?? true) && filters.every((filter) => passes(filter, tiding.facts)),
  );
  if (wanted.length === 0) return [];
  const rows = await tx.query<{ subscription: string }>(queue, [
    wanted.map(({ id }) => id),
    wanted.map(({ partner }) => partner),
    tiding.refs[0],
    tiding.kind,
    tiding.refs,
    tiding.versions,
    tiding.urgent,
    tiding.patient,
    tiding.referral ?? null,
    event.key,
    event.version,
    event.type,
    event.time,
    event.correlationId,
    tiding.introduces,
  ]);
  crashPoint('notifications.event-queued');
  if (rows.length > 0) tx.afterCommit(() => wake('deliveries'));
  return rows.map(({ subscription }) => subscription);
}

/** Events of one referral (`$2`) or else of the person of a Patient (`$3`), to certain subscriptions (`$1`, their ids). */
const SCOPE = `of_whom AS MATERIALIZED (
    SELECT * FROM notifications.event e WHERE e.referral = $2::text OR ($2::text IS NULL AND (e.person || '') = ${personOf('$3')})
  ), scope AS (
    SELECT * FROM of_whom e WHERE e.subscription = ANY($1::text[])
  )`;

// An attempt is begun while its lane is locked. So this waits for those under way; those after it see what was withdrawn.
const fence = statement(`
  WITH ${SCOPE}
  SELECT k.person FROM notifications.lane k WHERE (k.subscription, k.person) IN (SELECT e.subscription, e.person FROM scope e)
  ORDER BY k.subscription, k.person FOR UPDATE OF k`);

const queueLosses = statement(`
  WITH ${SCOPE}, told AS (
    SELECT DISTINCT ON (e.subscription, e.focus) e.*, bool_or(e.urgent) OVER (PARTITION BY e.subscription, e.focus) AS alarming
    FROM scope e
    WHERE EXISTS (SELECT FROM notifications.attempt a WHERE a.subscription = e.subscription AND a.number = e.number AND e.focus = ANY(a.named))
    ORDER BY e.subscription, e.focus, e.number DESC
  ), lost AS (
    SELECT t.* FROM told t JOIN notifications.subscription s ON s.id = t.subscription
    WHERE t.kind <> 'access-lost'
      AND NOT EXISTS (SELECT FROM notifications.event l WHERE l.focus = t.focus AND l.subscription IS NOT DISTINCT FROM t.subscription AND l.kind = 'access-lost' AND l.number > t.number)
      AND (t.focus = $4::text OR NOT EXISTS (SELECT FROM ${seenRows('ARRAY[t.focus]', 's.partner')} r))
  ), queued AS (
    INSERT INTO notifications.event (subscription, number, id, kind, type, focus, aggregate, version, refs, versions, owner, patient, referral, person, urgent, occurred, correlation_id)
    SELECT l.subscription, ${highest('l.subscription')} + row_number() OVER (PARTITION BY l.subscription ORDER BY l.number, l.focus), gen_random_uuid(), 'access-lost', $7, l.focus, $5, $6,
      ARRAY[l.focus], l.versions[1:1], l.owner, l.patient, l.referral, l.person, l.alarming, $8::timestamptz, $9
    FROM lost l ON CONFLICT (subscription, focus, aggregate, version, kind) DO NOTHING
    RETURNING subscription, person
  )
  ${LANES}`);

/** What may have been lost, and by whom. */
export interface Loss {
  /** Partners that may have lost something; all, if left out. */
  readonly partners?: readonly string[];
  /** The referral it is about; else everything of the person of `patient`. */
  readonly referral?: string;
  readonly patient: string;
}

/**
 * Queues the notice that access was lost, by id and without content, for every subscription (whatever its topic) for which an
 * attempt was begun that named what its partner does not see any more. It comes after all numbers queued before.
 *
 * The lanes are locked first: of an attempt about to begin either this sees what it names, or it sees the withdrawal.
 */
export async function queueAccessLost(tx: Tx, event: BatonEvent, loss: Loss): Promise<string[]> {
  const subscriptions = (await listening(tx)).filter(({ partner }) => loss.partners?.includes(partner) ?? true).map(({ id }) => id);
  if (subscriptions.length === 0) return [];
  const focus = loss.referral === undefined ? null : `ServiceRequest/${loss.referral}`;
  const scope = [subscriptions, loss.referral ?? null, loss.patient];
  const [, rows] = await Promise.all([
    tx.query(fence, scope),
    tx.query<{ subscription: string }>(queueLosses, [...scope, focus, event.key, event.version, event.type, event.time, event.correlationId]),
  ]);
  crashPoint('notifications.lanes-fenced');
  crashPoint('notifications.loss-queued');
  // Also where nothing was lost: what was due in the locked lanes was passed over meanwhile.
  tx.afterCommit(() => wake('deliveries'));
  return rows.map(({ subscription }) => subscription);
}
