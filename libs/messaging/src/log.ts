import type { BatonEvent } from '@baton/contracts';
import { crashPoint } from '@baton/kernel';
import { type Database, perSchema, type Reader, type Schema } from '@baton/postgres';
import { EVENT_COLUMNS, eventOf, partitionOf, type EventRow } from './envelope.js';
import { PARTITIONS } from './tables.js';
import type { Received } from './transport.js';

/** An event as it stands in a partition of the log. */
export interface LogEntry {
  readonly event: BatonEvent;
  readonly partition: number;
  readonly offset: number;
}

/** Where to read on in a partition. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
}

/** Events that were appended to one partition, in order. */
export interface Appended {
  readonly topic: string;
  readonly partition: number;
  readonly entries: readonly LogEntry[];
}

interface HeadRow {
  topic: string;
  partition: number;
  next: string;
}

export const received = ({ event, partition, offset }: LogEntry): Received => ({ event, partition, offset: String(offset) });

// The heads are locked in one order and then moved; only a committed append shows, so offsets appear in their order.
const append = perSchema(
  (schema) => `WITH batch AS MATERIALIZED (
      SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::int[], $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[])
        AS e(topic, partition, place, event_id, key, type, version, time, correlation_id, causation_id, traceparent, data)
    ), need AS (
      SELECT topic, partition, count(*) AS n FROM batch GROUP BY topic, partition
    ), locked AS MATERIALIZED (
      SELECT h.topic, h.partition, need.n FROM ${schema}.log_head h JOIN need USING (topic, partition) ORDER BY h.topic, h.partition FOR UPDATE OF h
    ), moved AS (
      UPDATE ${schema}.log_head h SET next = h.next + locked.n, at = greatest(h.at, clock_timestamp())
      FROM locked WHERE h.topic = locked.topic AND h.partition = locked.partition RETURNING h.topic, h.partition, h.next - locked.n AS first, h.at
    ), written AS (
      INSERT INTO ${schema}.log (partition, "offset", appended_at, ${EVENT_COLUMNS})
      SELECT b.partition, m.first + b.place, m.at, ${EVENT_COLUMNS.split(', ').map((column) => (column === 'data' ? 'b.data::json' : `b.${column}`)).join(', ')}
      FROM batch b JOIN moved m ON m.topic = b.topic AND m.partition = b.partition
      RETURNING 1
    )
    SELECT topic, partition, first::text AS next, (SELECT pg_notify('baton_log_${schema}', '')) AS told FROM moved`,
);

const heads = perSchema((schema) => `SELECT topic, partition::int AS partition, next FROM ${schema}.log_head_v1 WHERE topic = ANY($1::text[]) ORDER BY topic, partition`);
const makeHeads = perSchema(
  (schema) => `INSERT INTO ${schema}.log_head (topic, partition) SELECT $1::text, partition FROM generate_series(0, $2::int - 1) AS partition
    WHERE NOT EXISTS (SELECT FROM ${schema}.log_head WHERE topic = $1::text) ON CONFLICT DO NOTHING`,
);

/** The writing end of a schema's log: only the service that owns the schema has it. */
export class LogAppender {
  private readonly partitions = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
  ) {}

  /** Appends a batch in one statement. @returns what stands where now, durable */
  async append(events: readonly BatonEvent[]): Promise<Appended[]> {
    const batches = await this.spread(events);
    const placed = [...batches.values()].flatMap((batch) => batch.events.map((event, place) => ({ event, place, partition: batch.partition })));
    const column = <T>(pick: (event: BatonEvent) => T): T[] => placed.map(({ event }) => pick(event));
    const rows = await this.database.query<HeadRow>(append(this.schema), [
      column((event) => event.topic),
      placed.map(({ partition }) => partition),
      placed.map(({ place }) => place),
      column((event) => event.id),
      column((event) => event.key),
      column((event) => event.type),
      column((event) => event.version),
      column((event) => event.time),
      column((event) => event.correlationId),
      column((event) => event.causationId),
      column((event) => event.traceparent ?? null),
      column((event) => JSON.stringify(event.data)),
    ]);
    crashPoint('log.appended');
    if (rows.length !== batches.size) throw new Error(`The log of ${this.schema} lacks a partition`);
    return rows.map(({ topic, partition, next }) => ({
      topic,
      partition,
      entries: batches.get(`${topic} ${partition}`)!.events.map((event, place) => ({ event, partition, offset: Number(next) + place })),
    }));
  }

  private async spread(events: readonly BatonEvent[]): Promise<Map<string, { partition: number; events: BatonEvent[] }>> {
    const batches = new Map<string, { partition: number; events: BatonEvent[] }>();
    for (const event of events) {
      const partition = partitionOf(event.key, await this.partitionsOf(event.topic));
      const slot = `${event.topic} ${partition}`;
      const batch = batches.get(slot);
      if (batch) batch.events.push(event);
      else batches.set(slot, { partition, events: [event] });
    }
    return batches;
  }

  /** How many partitions a topic has; makes it if it is new. Never cached before it is committed. */
  private async partitionsOf(topic: string): Promise<number> {
    let count = this.partitions.get(topic);
    if (count === undefined) {
      await this.database.query(makeHeads(this.schema), [topic, PARTITIONS]);
      crashPoint('log.topic-made');
      count = (await readHeads(this.database, this.schema, [topic])).length;
      this.partitions.set(topic, count);
    }
    return count;
  }
}

/** The ends of the partitions of topics that exist. */
export async function readHeads(reader: Reader, schema: Schema, topics: readonly string[]): Promise<Position[]> {
  const rows = await reader.query<HeadRow>(heads(schema), [topics]);
  return rows.map((row) => ({ topic: row.topic, partition: row.partition, next: Number(row.next) }));
}

const entries = perSchema(
  (schema) => `SELECT l.* FROM unnest($1::text[], $2::int[], $3::bigint[]) WITH ORDINALITY AS w(topic, partition, next, place)
    CROSS JOIN LATERAL (
      SELECT l.partition::int AS partition, l."offset", ${EVENT_COLUMNS} FROM ${schema}.log_v1 l
      WHERE l.topic = w.topic AND l.partition = w.partition AND l."offset" >= w.next ORDER BY l."offset" LIMIT $4::int
    ) l`,
);

/** Entries from the given positions on, at most `limit` of each partition; of one partition in order. */
export async function readLog(reader: Reader, schema: Schema, from: readonly Position[], limit: number): Promise<LogEntry[]> {
  const rows = await reader.query<EventRow & { partition: number; offset: string }>(entries(schema), [
    from.map((position) => position.topic),
    from.map((position) => position.partition),
    from.map((position) => position.next),
    limit,
  ]);
  return rows.map((row) => ({ event: eventOf(row), partition: row.partition, offset: Number(row.offset) })).sort((a, b) => a.offset - b.offset);
}
