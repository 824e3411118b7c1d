import { seenRows, unknownResource } from '@baton/fhir-store';
import { newId, type Caller } from '@baton/kernel';
import { statement, type Reader } from '@baton/postgres';
import { statusBundle, type StatusFacts } from './notification.fhir.js';
import type { SubscriptionStatus } from './subscription.js';

interface StatusRow {
  id: string;
  canonical: string;
  status: SubscriptionStatus;
  error: string | null;
  total: string;
}

const own = statement(`
  SELECT s.id, s.canonical, s.status, h.error, (SELECT coalesce(max(e.number), 0) FROM notifications.event e WHERE e.subscription = s.id) AS total
  FROM notifications.subscription s JOIN notifications.resource r ON r.type = 'Subscription' AND r.id = s.id AND NOT r.deleted
  LEFT JOIN notifications.channel_health h ON h.subscription = s.id
  WHERE s.partner = $1 AND ($2::text[] IS NULL OR s.id = ANY($2)) AND ($3::text[] IS NULL OR s.status = ANY($3))
  ORDER BY s.id`);

/** Which subscriptions a status is wanted of; several values of one kind mean or. */
export interface StatusQuery {
  /** The Subscription in the path; others' are answered as if there were none. */
  readonly instance?: string;
  readonly ids?: readonly string[];
  readonly statuses?: readonly string[];
}

/**
 * `$status` of the caller's own subscriptions (R5 Backport 1.1.0).
 *
 * @returns JSON text of a searchset Bundle of Parameters, type `query-status`; the error of the last attempts while they fail
 * @throws Refused `unknown` if the instance is none of the caller's
 */
export async function subscriptionStatus(db: Reader, caller: Caller, fhirBase: string, query: StatusQuery = {}): Promise<string> {
  const ids = query.instance === undefined ? query.ids : [query.instance];
  const rows = await db.query<StatusRow>(own, [caller.partner, ids ?? null, query.statuses ?? null]);
  if (query.instance !== undefined && rows.length === 0) throw unknownResource('Subscription');
  return statusBundle(fhirBase, rows.map(factsOf), newId, new Date());
}

const factsOf = ({ id, canonical, status, error, total }: StatusRow): StatusFacts => ({
  subscription: id,
  canonical,
  status,
  type: 'query-status',
  total: Number(total),
  error: error ?? undefined,
});

const visibleFoci = statement(`
  SELECT wanted.reference FROM unnest($2::text[]) AS wanted(reference) WHERE EXISTS (SELECT FROM ${seenRows('ARRAY[wanted.reference]', '$1')} r)`);

/** Which of these references a partner sees at this moment. */
export async function seenNow(db: Reader, partner: string, references: readonly string[]): Promise<ReadonlySet<string>> {
  if (references.length === 0) return new Set();
  const rows = await db.query<{ reference: string }>(visibleFoci, [partner, [...new Set(references)]]);
  return new Set(rows.map(({ reference }) => reference));
}
