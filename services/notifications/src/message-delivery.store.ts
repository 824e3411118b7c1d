import { auditFragment } from '@baton/access';
import type { AnsweredRequest } from '@baton/fhir';
import { seenRows } from '@baton/fhir-store';
import { BATON, crashPoint, newEventId } from '@baton/kernel';
import { statement, weave, type Database, type Reader, type Tx } from '@baton/postgres';
import { seenBy } from './attempt.store.js';
import type { Answer, Verdict } from './delivery.js';
import type { SeenReference } from './disclosure.js';
import { SECRETS_OF } from './channel.store.js';
import type { Decided } from './message-delivery.js';
import { wake } from './wake.js';

const THERE = statement(`SELECT to_regclass('gateway.message_v1') IS NOT NULL AS there`);
let messagesAreKept = false;

/** Whether any message can have come: where no gateway was ever started, there is nothing to ask. */
async function mayHaveCome(from: Reader): Promise<boolean> {
  if (!messagesAreKept) messagesAreKept = (await from.query<{ there: boolean }>(THERE))[0]!.there;
  return messagesAreKept;
}

const QUEUE = `INSERT INTO notifications.message_delivery (partner, referral, version, event, refs, patient, urgent, occurred, request, correlation_id)
  SELECT m.partner, m.service_request, $2, $3, $4::text[], $5, $6, $7::timestamptz,
    jsonb_build_object('bundle', m.bundle, 'reason', m.reason, 'source', m.source, 'destination', m.destination), m.correlation_id
  FROM gateway.message_v1 m WHERE m.service_request = $1
  ON CONFLICT (referral, version) DO NOTHING RETURNING id`;

/** Queues a decision for the partner whose message led to the referral; nothing, if it came otherwise. */
export async function queueDecision(tx: Tx, { referral, version, event, refs, patient, urgent, occurred }: Decided): Promise<void> {
  if (!(await mayHaveCome(tx))) return;
  const queued = await tx.query(statement(QUEUE), [referral, version, event, refs, patient, urgent, occurred]);
  crashPoint('notifications.message-queued');
  if (queued.length > 0) tx.afterCommit(() => wake('messages'));
}

/** A message in hand: nobody else sends it meanwhile. */
export interface MessageClaim {
  readonly id: string;
  readonly token: string;
  readonly partner: string;
  readonly referral: string;
  readonly patient: string;
  readonly event: string;
  readonly refs: readonly string[];
  readonly request: AnsweredRequest;
  readonly correlation: string;
  readonly urgent: boolean;
  readonly attempts: number;
  /** Sealed signing secrets, newest first. */
  readonly secrets: readonly string[];
}

/** Milliseconds a claim holds: longer than a request may take. */
const HELD_MS = 30_000;

// In order per referral; an alarm passes what waits or is parked.
const CLAIM = statement(`
  WITH room AS (
    SELECT * FROM unnest($1::text[], $2::int[]) AS r(partner, free)
  ), picked AS (
    SELECT q.id FROM (SELECT DISTINCT partner FROM notifications.message_delivery WHERE state IN ('queued', 'waiting') AND next_at <= statement_timestamp()) p
    CROSS JOIN LATERAL (
      SELECT q.id FROM notifications.message_delivery q
      WHERE q.partner = p.partner AND q.state IN ('queued', 'waiting') AND q.next_at <= statement_timestamp() AND (q.token IS NULL OR q.until < statement_timestamp())
        AND NOT EXISTS (SELECT FROM notifications.message_delivery b WHERE b.referral = q.referral AND b.version < q.version
          AND b.state IN ('queued', 'waiting', 'parked') AND NOT (q.urgent AND b.state IN ('waiting', 'parked')))
      ORDER BY q.urgent DESC, q.next_at LIMIT coalesce((SELECT r.free FROM room r WHERE r.partner = p.partner), $3::int)
      FOR UPDATE OF q SKIP LOCKED) q
  )
  UPDATE notifications.message_delivery d SET token = gen_random_uuid(), until = clock_timestamp() + interval '${HELD_MS} milliseconds'
  FROM picked p WHERE d.id = p.id
  RETURNING d.id, d.token, d.partner, d.referral, d.patient, d.event, d.refs, d.request, d.correlation_id AS correlation, d.urgent, d.attempts, ${SECRETS_OF('d.partner')} AS secrets`);

/** Takes messages that are due. @param room how many each partner that is busy may still get; `usual` for any other */
export async function claimMessages(db: Database, room: ReadonlyMap<string, number>, usual: number): Promise<MessageClaim[]> {
  const claims = await db.query<MessageClaim>(CLAIM, [[...room.keys()], [...room.values()], usual]);
  crashPoint('message-delivery.claimed');
  return claims;
}

type SeenRow = Parameters<typeof seenBy>[1];

const plain = (sql: string) => ({ sql, values: [] });

/**
 * Begins an attempt: one statement asks what the partner may see, reads it, notes the attempt with its snapshot, and audits it.
 * @returns nothing if the message is not this claim's any more
 */
export async function beginMessage(db: Database, claimed: MessageClaim): Promise<{ attempt: string; seen: SeenReference[] } | undefined> {
  const attempt = newEventId();
  const audited = {
    id: newEventId(),
    partner: claimed.partner,
    client: BATON,
    interaction: 'deliver',
    outcome: 'success',
    patient: claimed.patient,
    resources: claimed.refs,
    owners: [claimed.partner],
    requestId: claimed.id,
    correlationId: claimed.correlation,
  } as const;
  const { statement: begin, values } = weave(
    {
      held: { sql: `SELECT d.id, d.partner, d.refs FROM notifications.message_delivery d WHERE d.id = $1::uuid AND d.token = $2::uuid AND d.state IN ('queued', 'waiting')`, values: [claimed.id, claimed.token] },
      seen: plain(`SELECT r.* FROM held h CROSS JOIN LATERAL ${seenRows('h.refs', 'h.partner')} r`),
      attempt: {
        sql: `INSERT INTO notifications.message_attempt (id, delivery, snapshot, named)
          SELECT $1::uuid, h.id, pg_current_snapshot(), ARRAY(SELECT reference FROM seen ORDER BY place) FROM held h RETURNING id`,
        values: [attempt],
      },
      disclosed: plain('SELECT FROM seen'),
      audited: auditFragment([audited], 'disclosed'),
    },
    plain('SELECT s.* FROM attempt a LEFT JOIN seen s ON true ORDER BY s.place'),
  );
  const rows = await db.query<SeenRow>(begin, values);
  crashPoint('message-delivery.consent-checked');
  if (rows.length === 0) return undefined;
  return { attempt, seen: rows.filter(({ place }) => place !== null).map((row) => seenBy(claimed.partner, row)) };
}

const ENDED = statement(`
  WITH ended AS (
    UPDATE notifications.message_attempt SET outcome = $4, status = $5, failure = $6, ended_at = clock_timestamp() WHERE id = $3::uuid
  )
  UPDATE notifications.message_delivery d SET state = $7, attempts = d.attempts + $8::int, failure = $9, token = NULL, until = NULL,
    next_at = clock_timestamp() + $10::float8 * interval '1 ms'
  WHERE d.id = $1::uuid AND d.state IN ('queued', 'waiting') AND (d.token = $2::uuid OR $7 = 'delivered')`);

const STATE: Record<Exclude<Verdict, 'gone'>, string> = { delivered: 'delivered', parked: 'parked', retry: 'waiting', abandoned: 'queued' };

/** Notes how an attempt ended, and moves the message on. */
export async function recordMessage(db: Database, claimed: MessageClaim, attempt: string, what: { verdict: Exclude<Verdict, 'gone'>; answer: Answer; pauseMs?: number; failure?: string }): Promise<void> {
  const { verdict, answer, pauseMs = 0, failure } = what;
  const values = [claimed.id, claimed.token, attempt, verdict, answer.status ?? null, answer.failure ?? null, STATE[verdict], verdict === 'abandoned' ? 0 : 1, failure ?? null, pauseMs];
  await db.query(ENDED, values);
  crashPoint('message-delivery.recorded');
}

/** Gives a message back for a while, because there is nowhere to send it to. */
export async function postpone(db: Database, { id, token }: MessageClaim, failure: string, pauseMs: number): Promise<void> {
  await db.query(
    statement(`UPDATE notifications.message_delivery SET token = NULL, until = NULL, state = 'waiting', failure = $3, next_at = clock_timestamp() + $4::float8 * interval '1 ms'
      WHERE id = $1::uuid AND token = $2::uuid AND state IN ('queued', 'waiting')`),
    [id, token, failure, pauseMs],
  );
  crashPoint('message-delivery.postponed');
}

/** A message on its way to its partner, as it may see it: what it says is in the message alone. */
export interface MessageOnItsWay {
  readonly id: string;
  readonly referral: string;
  readonly event: string;
  readonly occurred: Date;
  readonly state: 'queued' | 'waiting' | 'parked' | 'delivered';
  readonly attempts: number;
  readonly failure: string | null;
  readonly next_at: Date;
}

const LIST = statement(`SELECT id, referral, event, occurred, state, attempts, failure, next_at FROM notifications.message_delivery
  WHERE partner = $1 AND ($2::text IS NULL OR state = $2) ORDER BY queued_at DESC, version DESC LIMIT $3`);

/** Messages to a partner, newest first. */
export const messagesTo = (db: Database, partner: string, state: string | undefined, atMost: number): Promise<MessageOnItsWay[]> => db.query<MessageOnItsWay>(LIST, [partner, state ?? null, atMost]);

const AGAIN = statement(`UPDATE notifications.message_delivery SET state = 'queued', attempts = 0, next_at = clock_timestamp(), failure = NULL
  WHERE id = $1::uuid AND partner = $2 RETURNING id`);

/** Sends a message again, under the same id, rendered as it may be now. @returns whether there is such a message to that partner */
export async function resendMessage(db: Database, partner: string, id: string): Promise<boolean> {
  const found = await db.query(AGAIN, [id, partner]);
  crashPoint('message-delivery.queued-again');
  wake('messages');
  return found.length > 0;
}
