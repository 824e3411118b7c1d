import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A process's metrics. Labels are names of types, routes, rules and partners: never ids of people. */
export class Metrics {
  readonly registry = new Registry();

  counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> {
    return (this.registry.getSingleMetric(name) as Counter<Label> | undefined) ?? new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** @param collect called when the metrics are read; sets the gauge's values */
  gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[] = [], collect?: (gauge: Gauge<Label>) => void | Promise<void>): Gauge<Label> {
    const found = this.registry.getSingleMetric(name) as Gauge<Label> | undefined;
    if (found) return found;
    return new Gauge({ name, help, labelNames, registers: [this.registry], ...(collect ? { collect(this: Gauge<Label>) { return collect(this); } } : {}) });
  }

  histogram<Label extends string>(name: string, help: string, buckets: readonly number[], labelNames: readonly Label[] = []): Histogram<Label> {
    return (this.registry.getSingleMetric(name) as Histogram<Label> | undefined) ?? new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [this.registry] });
  }
}
