import { crashPoint } from '@baton/kernel';
import { statement, type Tx } from '@baton/postgres';
import type { Ineligible } from './ineligible.js';

const COUNT = statement(`INSERT INTO referrals.refused_count AS c (service, route, reason, count, last_at)
  SELECT $1, $2, reason, 1, statement_timestamp() FROM unnest($3::text[]) AS reason ORDER BY reason
  ON CONFLICT (service, route, reason) DO UPDATE SET count = c.count + 1, last_at = excluded.last_at`);

/**
 * What remains of a referral that was refused as not eligible: one more by that route for each of its reasons. Runs as
 * role of this service, in a transaction of its own, after that of the referral was rolled back. Who asked stands in the audit.
 */
export async function recordIneligible(tx: Tx, refused: Ineligible): Promise<void> {
  await tx.query(COUNT, [refused.route.service, refused.route.from, [...new Set(refused.violations.map((violation) => violation.rule))]]);
  crashPoint('referrals.refusal-counted');
}
