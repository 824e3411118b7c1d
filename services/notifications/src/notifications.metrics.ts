import { statement } from '@baton/postgres';
import type { Host } from '@baton/service-host';
import type { Verdict } from './delivery.js';

const parked = statement(`SELECT count(DISTINCT (subscription, person))::int AS value FROM notifications.event WHERE state = 'parked'`);
const oldest = statement(`SELECT coalesce(max(extract(epoch FROM clock_timestamp() - e.queued_at)), 0)::float8 AS value FROM notifications.event e
  JOIN notifications.subscription s ON s.id = e.subscription AND s.status = 'active' WHERE e.state IN ('queued', 'waiting')`);
const alarms = statement(`SELECT count(*)::int AS value FROM notifications.event WHERE urgent AND state IN ('waiting', 'parked')`);
const failing = statement(`SELECT count(*)::int AS value FROM notifications.subscription WHERE status = 'error'`);

/** Counts attempts by what came of them, and shows what waits. @returns to be told of every attempt */
export function watchDeliveries({ metrics, database }: Pick<Host, 'metrics' | 'database'>): (verdict: Verdict) => void {
  const gauge = (name: string, help: string, of: ReturnType<typeof statement>) =>
    metrics.gauge(name, help, [], async (shown) => {
      const [row] = await database.query<{ value: number }>(of);
      shown.set(row!.value);
    });
  gauge('baton_delivery_parked_keys', 'Persons of a subscription whose deliveries are shut until redrive', parked);
  gauge('baton_delivery_queue_age_seconds', 'Age of the oldest event not yet delivered to an active subscription', oldest);
  gauge('baton_delivery_alarms', 'Events of referrals with priority stat or asap that a partner has not taken', alarms);
  gauge('baton_subscriptions_in_error', 'Subscriptions to which deliveries have stopped', failing);
  const attempts = metrics.counter('baton_deliveries_total', 'Attempts to deliver, by what came of them', ['outcome']);
  return (outcome) => attempts.inc({ outcome });
}
