import { auditFragment, auditOf } from '@baton/access';
import { seenRows, unknownResource } from '@baton/fhir-store';
import { crashPoint, newEventId, newId, refuse, type Caller } from '@baton/kernel';
import { statement, type Database, type Tx } from '@baton/postgres';
import { seenBy } from './attempt.store.js';
import { tell, type EventKind, type QueuedEvent, type SeenReference, type ToldEvent } from './disclosure.js';
import { notificationBundle } from './notification.fhir.js';
import { CONTENTS, type Content, type SubscriptionStatus } from './subscription.js';

/** Events that one answer holds at most; whoever wants more asks again from the next number. */
const AT_MOST = 500;

const ownSubscription = statement(`
  SELECT s.canonical, s.status, s.content, (SELECT coalesce(max(e.number), 0) FROM notifications.event e WHERE e.subscription = s.id) AS total
  FROM notifications.subscription s JOIN notifications.resource r ON r.type = 'Subscription' AND r.id = s.id AND NOT r.deleted
  WHERE s.id = $1 AND s.partner = $2`);

/** One statement asks, reads and notes that it was told, as a delivery does. */
const eventsOf = statement(`
  WITH asked AS (
    SELECT e.*, ($5::uuid[])[row_number() OVER (ORDER BY e.number)] AS attempt FROM notifications.event e
    WHERE e.subscription = $1 AND e.number BETWEEN $3::bigint AND $4::bigint ORDER BY e.number LIMIT ${AT_MOST}
  ), seen AS (
    SELECT a.number, r.* FROM asked a CROSS JOIN LATERAL ${seenRows('a.refs', '$2')} r WHERE a.kind <> 'access-lost' AND $6::text <> 'empty'
  ), naming AS (
    SELECT a.number, a.attempt, CASE WHEN $6 = 'empty' THEN '{}' WHEN a.kind = 'access-lost' THEN ARRAY[a.focus]
      WHEN EXISTS (SELECT FROM seen s WHERE s.number = a.number AND s.place = 1) THEN ARRAY(SELECT s.reference FROM seen s WHERE s.number = a.number ORDER BY s.place) ELSE '{}' END::text[] AS named
    FROM asked a
  ), noted AS (
    INSERT INTO notifications.attempt (id, subscription, number, snapshot, named, outcome, ended_at)
    SELECT n.attempt, $1, n.number, pg_current_snapshot(), n.named, 'queried', clock_timestamp() FROM naming n WHERE n.named <> '{}'
  )
  SELECT a.number, a.kind, a.occurred, a.refs, a.versions, a.patient, a.owner AS of, n.named, s.place, s.reference, s.version, s.owner, s.category, s.deleted, s.body
  FROM asked a JOIN naming n ON n.number = a.number LEFT JOIN seen s ON s.number = a.number ORDER BY a.number, s.place`);

interface EventRow {
  number: string;
  kind: EventKind;
  occurred: Date;
  refs: string[];
  versions: (number | null)[];
  patient: string | null;
  of: string;
  named: string[];
  place: string | null;
  reference: string;
  version: number;
  owner: string;
  category: string;
  deleted: boolean;
  body: string;
}

export interface EventsQuery {
  /** First event number wanted, inclusive. */
  readonly since?: number | undefined;
  /** Last event number wanted, inclusive. */
  readonly until?: number | undefined;
  /** How much of each event; what the subscription says if left out. */
  readonly content?: string | undefined;
}

/**
 * `$events` of one of the caller's subscriptions (R5 Backport 1.1.0): what happened, told as it may be told now. Consent is asked
 * again; a number whose content may no longer be told is that number and nothing else. At most 500 events an answer.
 *
 * @returns JSON text of a history Bundle, type `query-event`
 * @throws Refused `unknown` if the subscription is none of the caller's, `malformed` for a content level that does not exist
 */
export async function subscriptionEvents(db: Database, caller: Caller, fhirBase: string, id: string, query: EventsQuery = {}): Promise<string> {
  return db.transaction(async (tx) => {
    const [subscription] = await tx.query<{ canonical: string; status: SubscriptionStatus; content: Content; total: string }>(ownSubscription, [id, caller.partner]);
    if (!subscription) throw unknownResource('Subscription');
    const content = contentAsked(query.content) ?? subscription.content;
    const attempts = Array.from({ length: AT_MOST }, () => newEventId());
    const rows = await tx.query<EventRow>(eventsOf, [id, caller.partner, query.since ?? 1, query.until ?? Number.MAX_SAFE_INTEGER, attempts, content]);
    crashPoint('events.noted');
    await audit(tx, caller, id, rows);
    const facts = { subscription: id, canonical: subscription.canonical, status: subscription.status, type: 'query-event', total: Number(subscription.total) } as const;
    return notificationBundle(fhirBase, { ...facts, events: toldOf(caller, rows, content) }, { bundle: newId(), status: newId(), at: tx.now });
  });
}

function contentAsked(text: string | undefined): Content | undefined {
  const content = CONTENTS.find((one) => one === text);
  if (text !== undefined && !content) throw refuse('malformed', 'content-unknown', `content is one of ${CONTENTS.join(', ')}.`);
  return content;
}

function toldOf(caller: Caller, rows: readonly EventRow[], content: Content): ToldEvent[] {
  const events = new Map<string, { event: QueuedEvent; seen: SeenReference[] }>();
  for (const row of rows) {
    const { kind, occurred, refs, versions } = row;
    const entry = events.get(row.number) ?? { event: { number: Number(row.number), kind, occurred, refs, versions }, seen: [] };
    if (row.place !== null) entry.seen.push(seenBy(caller.partner, row));
    events.set(row.number, entry);
  }
  return [...events.values()].map(({ event, seen }) => tell(event, seen, content));
}

/** One audit entry per young person whose data was named. */
async function audit(tx: Tx, caller: Caller, id: string, rows: readonly EventRow[]): Promise<void> {
  const people = new Map<string, { resources: Set<string>; owners: Set<string> }>();
  for (const { patient, named, of } of rows) {
    if (named.length === 0) continue;
    const entry = people.get(patient ?? '') ?? { resources: new Set<string>(), owners: new Set<string>() };
    named.forEach((reference) => entry.resources.add(reference));
    entry.owners.add(of);
    people.set(patient ?? '', entry);
  }
  const entries = [...people].map(([patient, { resources, owners }]) =>
    auditOf(caller, { interaction: 'operation', ...(patient === '' ? {} : { patient }), resources: [...resources], owners: [...owners], query: `Subscription/${id}/$events` }),
  );
  if (entries.length === 0) return;
  const { sql, values } = auditFragment(entries);
  await tx.query(statement(sql), values);
  crashPoint('events.audited');
}
