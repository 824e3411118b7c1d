import type { Consumer, Relay } from '@baton/messaging';
import { watchEvents } from './event-metrics.js';
import { Metrics } from './metrics.js';

const relay = { status: () => ({ outboxAgeMs: 12_000, publishLatencyMs: 0, heldBack: 0 }) } as unknown as Relay;
const consumerWhose = (lag: () => Promise<object[]>): Consumer => ({ lag, status: () => ({ latencyMs: 0 }), parking: { count: async () => Promise.reject(new Error('the database is away')) } }) as unknown as Consumer;

describe('What metrics tell of events', () => {
  it('is told also while a broker gives no answer and the database is away: all but what only they know', async () => {
    const metrics = new Metrics();
    const still = new Promise<object[]>(() => undefined);
    watchEvents(metrics, [
      { service: { name: 'referrals' }, relay, consumer: consumerWhose(() => still) },
      { service: { name: 'consent' }, consumer: consumerWhose(async () => [{ events: 3 }, { events: 4 }]) },
    ]);
    const lines = (await metrics.registry.metrics()).split('\n');
    expect(lines).toContain('baton_outbox_age_seconds{service="referrals"} 12');
    expect(lines.filter((line) => line.startsWith('baton_consumer_lag_events'))).toEqual(['baton_consumer_lag_events{service="consent"} 7']);
    expect(lines.filter((line) => line.startsWith('baton_parked_keys'))).toEqual([]);
  });
});
