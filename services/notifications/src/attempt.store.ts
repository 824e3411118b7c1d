import { seenRows, shown } from '@baton/fhir-store';
import { BATON, crashPoint, newEventId, newId } from '@baton/kernel';
import { statement, type Database, type Tx } from '@baton/postgres';
import { CHANNEL_OF, type Channel } from './channel.store.js';
import type { EventKind, QueuedEvent, SeenReference } from './disclosure.js';
import { lease, LANES_AT_ONCE, OF_LANE, type Lease } from './lane.store.js';
import type { Content } from './subscription.js';

/** A lane in hand, and what its next attempt may tell. */
export interface Claim extends Lease, Channel {
  /** Instant of `performance.now()` before consent was asked: the answer cannot be older than this. */
  readonly asked: number;
  /** Nothing if nothing is due by now. */
  readonly begun: Begun | undefined;
}

/** An attempt that was noted: what it may tell, as of the snapshot that asked for consent. */
export interface Begun {
  readonly attempt: string;
  /** Of the event; never changes. */
  readonly id: string;
  readonly correlation: string;
  readonly urgent: boolean;
  /** Attempts that failed so far. */
  readonly attempts: number;
  readonly event: QueuedEvent;
  readonly seen: readonly SeenReference[];
  readonly content: Content;
  readonly canonical: string;
  /** Events generated so far. */
  readonly total: number;
}

interface LaneRow extends Omit<Claim, 'begun' | 'asked'>, SeenRow {
  attempt: string | null;
  id: string;
  number: string;
  kind: EventKind;
  occurred: Date;
  refs: string[];
  versions: (number | null)[];
  correlation_id: string;
  urgent: boolean;
  attempts: number;
  content: Content;
  canonical: string;
  total: string;
}

interface SeenRow {
  place: string | null;
  reference: string;
  version: number;
  owner: string;
  category: string;
  deleted: boolean;
  body: string;
}

/**
 * What a lane sends next. The oldest undelivered event is its head and goes before all others; only urgent events pass it, and
 * only when it waits or is parked: what is fresh and older is about to go out anyway.
 */
const NEXT = (lane: string): string => `
  SELECT e.* FROM notifications.event e
  WHERE ${OF_LANE(`${lane}.subscription`, `${lane}.person`)} AND e.state IN ('queued', 'waiting') AND e.next_at <= statement_timestamp()
    AND (e.urgent OR e.number = (SELECT min(h.number) FROM notifications.event h
      WHERE ${OF_LANE(`${lane}.subscription`, `${lane}.person`, 'h')} AND h.state IN ('queued', 'waiting', 'parked')))
  ORDER BY e.state = 'waiting', e.number LIMIT 1`;

// A bare number names no reference; what nobody is named in is no disclosure, and not audited as one.
const beginAttempts = statement(`
  WITH held AS (
    SELECT k.subscription, k.person, row_number() OVER (ORDER BY k.due_at) AS lane FROM notifications.lane k WHERE k.token = $1::uuid
  ), told AS (
    SELECT held.lane, ($2::uuid[])[held.lane] AS attempt, s.partner, s.content, s.canonical, e.*
    FROM held JOIN notifications.subscription s ON s.id = held.subscription AND s.status = 'active' CROSS JOIN LATERAL (${NEXT('held')}) e
  ), seen AS (
    SELECT t.lane, r.* FROM told t CROSS JOIN LATERAL ${seenRows('t.refs', 't.partner')} r WHERE t.kind <> 'access-lost' AND t.content <> 'empty'
  ), naming AS (
    SELECT t.lane, CASE WHEN t.content = 'empty' THEN '{}' WHEN t.kind = 'access-lost' THEN ARRAY[t.focus]
      WHEN EXISTS (SELECT FROM seen s WHERE s.lane = t.lane AND s.place = 1) THEN ARRAY(SELECT s.reference FROM seen s WHERE s.lane = t.lane ORDER BY s.place) ELSE '{}' END::text[] AS named
    FROM told t
  ), noted AS (
    INSERT INTO notifications.attempt (id, subscription, number, snapshot, named)
    SELECT t.attempt, t.subscription, t.number, pg_current_snapshot(), n.named FROM told t JOIN naming n ON n.lane = t.lane
  ), audited AS (
    INSERT INTO audit.entry (id, partner, client, interaction, outcome, patient, resources, owners, request_id, correlation_id)
    SELECT ($3::uuid[])[t.lane], t.partner, $4, 'deliver', 'success', t.patient, t.refs, ARRAY[t.owner], 'msg_' || t.id, t.correlation_id
    FROM told t JOIN naming n ON n.lane = t.lane WHERE n.named <> '{}'
  )
  SELECT held.person, $1 AS token, ${CHANNEL_OF('s')},
    t.attempt, t.id, t.number, t.kind, t.occurred, t.refs, t.versions, t.correlation_id, t.urgent, t.attempts, t.content, t.canonical,
    (SELECT max(e.number) FROM notifications.event e WHERE e.subscription = held.subscription) AS total,
    r.place, r.reference, r.version, r.owner, r.category, r.deleted, r.body
  FROM held JOIN notifications.subscription s ON s.id = held.subscription LEFT JOIN told t ON t.lane = held.lane LEFT JOIN seen r ON r.lane = held.lane ORDER BY held.lane, r.place`);

const ids = (): string[] => Array.from({ length: LANES_AT_ONCE }, () => newEventId());

/**
 * Begins an attempt in each lane of a lease: one statement asks what the partner may see, reads it, notes the attempt with its snapshot
 * and what it names, and audits the disclosure. Whatever it returns was allowed by the last decision committed before it began. It ends
 * the transaction that leased the lanes: until then they are locked, so that a withdrawal either finds the attempt or is seen by it.
 *
 * @param asked instant of `performance.now()` before this was asked
 */
export async function begin(tx: Tx, token: string, asked: number): Promise<Claim[]> {
  const lanes = new Map<string, LaneRow[]>();
  for (const row of await tx.last<LaneRow>(beginAttempts, [token, ids(), ids(), BATON])) {
    const lane = `${row.subscription} ${row.person}`;
    lanes.set(lane, [...(lanes.get(lane) ?? []), row]);
  }
  return [...lanes.values()].map((rows) => claimOf(rows, asked));
}

/**
 * Takes lanes in which something is due and begins an attempt in each, in one flight.
 *
 * @param room how many requests each endpoint that is known may still get; `usual` for any other
 */
export async function claim(db: Database, holder: string, room: ReadonlyMap<string, number>, usual: number): Promise<Claim[]> {
  const [token, asked] = [newId(), performance.now()];
  const claims = await db.transaction(async (tx) => (await Promise.all([lease(tx, holder, token, room, usual), begin(tx, token, asked)]))[1]);
  crashPoint('delivery.leased');
  for (const { begun } of claims) if (begun) crashPoint('delivery.consent-checked');
  return claims;
}

function claimOf(rows: readonly LaneRow[], asked: number): Claim {
  const { subscription, person, token, partner, endpoint, payload, headers, timeoutMs, secrets } = rows[0]!;
  return { subscription, person, token, partner, endpoint, payload, headers, timeoutMs, secrets, asked, begun: begunOf(partner, rows) };
}

function begunOf(partner: string, rows: readonly LaneRow[]): Begun | undefined {
  const { attempt, id, correlation_id: correlation, urgent, attempts, number, kind, occurred, refs, versions, content, canonical, total } = rows[0]!;
  if (attempt === null) return undefined;
  const seen = rows.filter(({ place }) => place !== null).map((row) => seenBy(partner, row));
  return { attempt, id, correlation, urgent, attempts, event: { number: Number(number), kind, occurred, refs, versions }, seen, content, canonical, total: Number(total) };
}

/** A row as the partner may see it: restricted demographics lose address and telecom. */
export const seenBy = (partner: string, row: SeenRow): SeenReference => ({
  place: Number(row.place),
  reference: row.reference,
  version: row.version,
  deleted: row.deleted,
  body: shown({ partner, client: BATON, scopes: [], requestId: '', correlationId: '' }, row),
});
