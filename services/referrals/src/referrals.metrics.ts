import type { Database } from '@baton/postgres';
import { statement } from '@baton/postgres';
import type { Host } from '@baton/service-host';

interface Counted {
  service: string;
  count: number;
}

interface Refusals extends Counted {
  route: string;
  reason: string;
}

const UNACKNOWLEDGED = statement(`SELECT service, count(*)::int AS count FROM referrals.referral WHERE status = 'requested' AND unacknowledged_at IS NOT NULL GROUP BY service`);
const REFUSALS = statement('SELECT service, route, reason, count::float8 AS count FROM referrals.refused_count');

/** What an operator watches: referrals nobody has picked up, and by which routes referrals are refused, for which reasons. */
export function watchReferrals({ database, metrics }: Pick<Host, 'database' | 'metrics'>): void {
  metrics.gauge('baton_unacknowledged_referrals', 'Referrals still requested that nobody received within the allowance', ['service'], (gauge) =>
    counted<Counted>(database, UNACKNOWLEDGED, (rows) => {
      gauge.reset();
      rows.forEach(({ service, count }) => gauge.set({ service }, count));
    }),
  );
  metrics.gauge('baton_ineligible_referrals', 'Referrals refused as not eligible since the first start, by route and reason', ['service', 'route', 'reason'], (gauge) =>
    counted<Refusals>(database, REFUSALS, (rows) => rows.forEach(({ count, ...labels }) => gauge.set(labels, count))),
  );
}

/** A database that is away leaves the last figures: the rest of the metrics must still be read, then most of all. */
async function counted<Row extends object>(database: Database, what: ReturnType<typeof statement>, show: (rows: Row[]) => void): Promise<void> {
  const rows = await database.query<Row>(what).catch(() => undefined);
  if (rows) show(rows);
}
