import { auditFragment, type AuditEntry } from '@baton/access';
import { seenRows, shown } from '@baton/fhir-store';
import { BATON, crashPoint, newEventId } from '@baton/kernel';
import { weave, type Database } from '@baton/postgres';
import type { EventKind, QueuedEvent, SeenReference } from './disclosure.js';
import type { Claim, DueEvent } from './lane.store.js';
import type { Content } from './subscription.js';

/** What an attempt may tell, as of the snapshot that asked for consent. */
export interface Rendered {
  readonly attempt: string;
  readonly event: QueuedEvent;
  readonly seen: readonly SeenReference[];
  readonly content: Content;
  readonly canonical: string;
  /** Events generated so far. */
  readonly total: number;
}

interface Row {
  number: string;
  kind: EventKind;
  occurred: Date;
  refs: string[];
  versions: (number | null)[];
  content: Content;
  canonical: string;
  total: string;
  place: string | null;
  reference: string;
  version: number;
  owner: string;
  category: string;
  deleted: boolean;
  body: string;
}

const INPUT = `SELECT $1::text AS subscription, $2::text AS person, $3::uuid AS token, $4::bigint AS fence, $5::bigint AS number, $6::uuid AS attempt`;

// Another snapshot's lane (its fence was raised while this statement waited for the row) is not this claim's any more.
const HELD = `UPDATE notifications.lane k SET rendered_at = clock_timestamp() FROM input i
  WHERE k.subscription = i.subscription AND k.person = i.person AND k.token = i.token AND k.fence = i.fence RETURNING i.number`;

const TOLD = `SELECT e.number, e.kind, e.occurred, e.focus, e.refs, e.versions, s.partner, s.content, s.canonical
  FROM input i JOIN held h ON h.number = i.number
  JOIN notifications.event e ON e.subscription = i.subscription AND e.number = i.number AND e.state IN ('queued', 'waiting')
  JOIN notifications.subscription s ON s.id = i.subscription AND s.status = 'active'`;

const SEEN = `SELECT r.* FROM told t CROSS JOIN LATERAL ${seenRows('t.refs', 't.partner')} r WHERE t.kind <> 'access-lost' AND t.content <> 'empty'`;

/** References that go out: none for a bare number. */
const NAMING = `SELECT CASE WHEN t.content = 'empty' THEN '{}' WHEN t.kind = 'access-lost' THEN ARRAY[t.focus]
  WHEN EXISTS (SELECT FROM seen WHERE place = 1) THEN ARRAY(SELECT reference FROM seen ORDER BY place) ELSE '{}' END::text[] AS named FROM told t`;

const ATTEMPT = `INSERT INTO notifications.attempt (id, subscription, number, snapshot, named)
  SELECT i.attempt, i.subscription, i.number, pg_current_snapshot(), n.named FROM naming n CROSS JOIN input i RETURNING id`;

const DISCLOSED = `SELECT FROM naming WHERE named <> '{}'`;

const RESULT = `SELECT t.number, t.kind, t.occurred, t.refs, t.versions, t.content, t.canonical,
    (SELECT max(e.number) FROM notifications.event e CROSS JOIN input i WHERE e.subscription = i.subscription) AS total, s.*
  FROM told t LEFT JOIN seen s ON true ORDER BY s.place`;

const plain = (sql: string) => ({ sql, values: [] });

/**
 * Begins an attempt: one statement asks what the partner may see, reads it, notes the attempt with its snapshot and what it names,
 * and audits the disclosure. Whatever it returns was allowed by the last decision committed before it began.
 *
 * @returns nothing if the lane or the event is not this claim's any more
 */
export async function begin(db: Database, claimed: Claim, event: DueEvent): Promise<Rendered | undefined> {
  const attempt = newEventId();
  const { statement, values } = weave(
    {
      input: { sql: INPUT, values: [claimed.subscription, claimed.person, claimed.token, claimed.fence, event.number, attempt] },
      held: plain(HELD),
      told: plain(TOLD),
      seen: plain(SEEN),
      naming: plain(NAMING),
      attempt: plain(ATTEMPT),
      disclosed: plain(DISCLOSED),
      audited: auditFragment([disclosureOf(claimed, event)], 'disclosed'),
    },
    plain(RESULT),
  );
  const rows = await db.query<Row>(statement, values);
  crashPoint('delivery.consent-checked');
  const [first] = rows;
  if (!first) return undefined;
  return {
    attempt,
    event: { number: Number(first.number), kind: first.kind, occurred: first.occurred, refs: first.refs, versions: first.versions },
    seen: rows.filter(({ place }) => place !== null).map((row) => seenBy(claimed.partner, row)),
    content: first.content,
    canonical: first.canonical,
    total: Number(first.total),
  };
}

/** A row as the partner may see it: restricted demographics lose address and telecom. */
export const seenBy = (partner: string, row: Pick<Row, 'place' | 'reference' | 'version' | 'owner' | 'category' | 'deleted' | 'body'>): SeenReference => ({
  place: Number(row.place),
  reference: row.reference,
  version: row.version,
  deleted: row.deleted,
  body: shown({ partner, client: BATON, scopes: [], requestId: '', correlationId: '' }, row),
});

/** A delivery in the audit: Baton acted, and the partner that was sent something may see the entry. */
function disclosureOf(claimed: Claim, event: DueEvent): AuditEntry {
  return {
    id: newEventId(),
    partner: claimed.partner,
    client: BATON,
    interaction: 'deliver',
    outcome: 'success',
    ...(event.patient === null ? {} : { patient: event.patient }),
    resources: event.refs,
    owners: [event.owner],
    requestId: `msg_${event.id}`,
    correlationId: event.correlation,
  };
}
