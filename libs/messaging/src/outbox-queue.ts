import { type Ask, perSchema, type Schema } from '@baton/postgres';
import { EVENT_COLUMNS, orderKey, type EventRow } from './envelope.js';
import { LIFE } from './life.js';

/** An event that waits in the outbox. */
export interface OutboxRow extends EventRow {
  readonly seq: string;
  /** Last version of its aggregate that was sent; 0 if none was. */
  readonly sent: number;
  /** Life of the database in which it was read. */
  readonly life: string;
}

const read = perSchema(
  (schema) => `SELECT o.seq, ${EVENT_COLUMNS.split(', ').map((column) => `o.${column}`).join(', ')}, coalesce(r.version, 0) AS sent, ${LIFE} AS life
    FROM ${schema}.outbox o LEFT JOIN ${schema}.relayed r ON r.topic = o.topic AND r.key = o.key
    WHERE o.seq > $1::bigint ORDER BY o.seq LIMIT $2::int`,
);

/** Asks for {@link OutboxRow}s in the order of their sequence, from behind one on. */
export const readOutbox = (schema: Schema, after: string, limit: number): Ask => [read(schema), [after, limit]];

/** What was sent under a lease and is not removed yet. */
export interface Sent {
  readonly holder: string;
  readonly epoch: number;
  /** Life of the database in which the oldest of them was read. */
  readonly life: string;
  readonly rows: readonly OutboxRow[];
}

/** Answer to {@link settleOutbox}: 0 when another leader has taken over or the database has crashed, and nothing was changed. */
export interface Settled {
  readonly mine: number;
}

// The lease row is locked first: a takeover waits for this, or this sees the new epoch and does nothing. A database that has crashed may have
// forgotten that earlier versions were removed: to note later ones would hold those back for good.
const settle = perSchema(
  (schema) => `WITH mine AS MATERIALIZED (
      SELECT epoch FROM ${schema}.relay_lease WHERE holder = $1::uuid AND epoch = $2::bigint AND ${LIFE} = $7::text FOR UPDATE
    ), removed AS (
      DELETE FROM ${schema}.outbox WHERE seq = ANY($3::bigint[]) AND EXISTS (SELECT FROM mine)
    ), moved AS (
      INSERT INTO ${schema}.relayed AS r (topic, key, version)
      SELECT t.topic, t.key, t.version FROM unnest($4::text[], $5::text[], $6::int[]) AS t(topic, key, version) WHERE EXISTS (SELECT FROM mine)
      ON CONFLICT (topic, key) DO UPDATE SET version = EXCLUDED.version WHERE r.version < EXCLUDED.version
    )
    SELECT count(*)::int AS mine FROM mine`,
);

/** Asks to remove what was sent and to note the last version sent of each aggregate, in one statement, if the lease is still of this epoch and the database of this life. */
export function settleOutbox(schema: Schema, { holder, epoch, life, rows }: Sent): Ask {
  const newest = [...new Map(rows.map((row) => [orderKey(row), row])).values()];
  return [settle(schema), [holder, epoch, rows.map((row) => row.seq), newest.map((row) => row.topic), newest.map((row) => row.key), newest.map((row) => row.version), life]];
}
