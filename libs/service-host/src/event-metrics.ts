import { inTime } from '@baton/kernel';
import type { Consumer, Relay } from '@baton/messaging';
import type { Metrics } from './metrics.js';

/** The event machinery of one service. */
export interface EventSource {
  readonly service: { readonly name: string };
  readonly relay?: Relay;
  readonly consumer?: Consumer;
}

/** What a broker or the database is asked for may take so long, in milliseconds: scrapes must not wait for what is away. */
const WITHIN_MS = 1_000;

/**
 * Shows how events fare: outbox age, publish latency, what is held back, consumer lag, parked keys. Read when scraped. What cannot be learnt in time,
 * since a broker or the database is away, is left out; all else is shown.
 */
export function watchEvents(metrics: Metrics, sources: readonly EventSource[]): void {
  const relays = sources.flatMap(({ service, relay }) => (relay ? [{ service: service.name, of: relay }] : []));
  const consumers = sources.flatMap(({ service, consumer }) => (consumer ? [{ service: service.name, of: consumer }] : []));
  const each = <Of>(all: readonly { service: string; of: Of }[], name: string, help: string, value: (of: Of) => number | Promise<number>) =>
    metrics.gauge(name, help, ['service'], async (gauge) => {
      await Promise.all(
        all.map(async ({ service, of }) => {
          const known = await inTime(WITHIN_MS, value(of)).catch(() => undefined);
          if (known === undefined) gauge.remove({ service });
          else gauge.set({ service }, known);
        }),
      );
    });
  each(relays, 'baton_outbox_age_seconds', 'Age of the oldest event not yet published', (relay) => relay.status().outboxAgeMs / 1000);
  each(relays, 'baton_publish_latency_seconds', 'From the outbox row to the acknowledgement, newest event', (relay) => relay.status().publishLatencyMs / 1000);
  each(relays, 'baton_events_held_back', 'Aggregates whose next event is missing; anything but 0 that stays is an alarm', (relay) => relay.status().heldBack);
  each(consumers, 'baton_consumer_lag_events', 'Events not yet handled', async (consumer) => (await consumer.lag()).reduce((sum, { events }) => sum + events, 0));
  each(consumers, 'baton_consumer_latency_seconds', 'From the outbox row to the effect, newest event', (consumer) => consumer.status().latencyMs / 1000);
  each(consumers, 'baton_parked_keys', 'Keys parked because an event of theirs cannot be handled', (consumer) => consumer.parking.count());
}
