import { crashPoint } from '@baton/kernel';
import { statement, type Reader } from '@baton/postgres';

/**
 * Makes the audit partitions of this month and the three after it. To be called now and then (daily) as the audit role;
 * calling it twice, or at once from several processes, does no harm.
 *
 * @returns how many were made
 */
export async function makeAuditPartitions(db: Reader): Promise<number> {
  const [row] = await db.query<{ made: number }>(statement(`SELECT audit.make_partitions(now(), 3) AS made`));
  crashPoint('audit.partitions-made');
  return row!.made;
}
