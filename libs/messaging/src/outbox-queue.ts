import type { Database, Schema } from '@baton/postgres';
import { EVENT_COLUMNS, orderKey, type EventRow } from './envelope.js';
import { perSchema } from './per-schema.js';

/** An event that waits in the outbox. */
export interface OutboxRow extends EventRow {
  readonly seq: string;
  /** Last version of its aggregate that was sent; 0 if none was. */
  readonly sent: number;
}

const read = perSchema(
  (schema) => `SELECT o.seq, ${EVENT_COLUMNS.split(', ').map((column) => `o.${column}`).join(', ')}, coalesce(r.version, 0) AS sent
    FROM ${schema}.outbox o LEFT JOIN ${schema}.relayed r ON r.topic = o.topic AND r.key = o.key
    WHERE o.seq > $1::bigint ORDER BY o.seq LIMIT $2::int`,
);

/** Rows in the order of their sequence, from behind one on. */
export const readOutbox = (database: Database, schema: Schema, after: string, limit: number): Promise<OutboxRow[]> =>
  database.query<OutboxRow>(read(schema), [after, limit]);

// The lease row is locked first: a takeover waits for this, or this sees the new epoch and does nothing.
const settle = perSchema(
  (schema) => `WITH mine AS MATERIALIZED (
      SELECT epoch FROM ${schema}.relay_lease WHERE holder = $1::uuid AND epoch = $2::bigint FOR UPDATE
    ), removed AS (
      DELETE FROM ${schema}.outbox WHERE seq = ANY($3::bigint[]) AND EXISTS (SELECT FROM mine)
    ), moved AS (
      INSERT INTO ${schema}.relayed AS r (topic, key, version)
      SELECT t.topic, t.key, t.version FROM unnest($4::text[], $5::text[], $6::int[]) AS t(topic, key, version) WHERE EXISTS (SELECT FROM mine)
      ON CONFLICT (topic, key) DO UPDATE SET version = EXCLUDED.version WHERE r.version < EXCLUDED.version
    )
    SELECT count(*)::int AS mine FROM mine`,
);

/**
 * Removes what was sent and notes the last version sent of each aggregate, in one statement, if the lease is still of this epoch.
 * @returns false when another leader has taken over: nothing was changed then
 */
export async function settleOutbox(database: Database, schema: Schema, lease: { holder: string; epoch: number }, sent: readonly OutboxRow[]): Promise<boolean> {
  const last = new Map<string, OutboxRow>();
  for (const row of sent) last.set(orderKey(row), row);
  const newest = [...last.values()];
  const [answer] = await database.query<{ mine: number }>(settle(schema), [
    lease.holder,
    lease.epoch,
    sent.map((row) => row.seq),
    newest.map((row) => row.topic),
    newest.map((row) => row.key),
    newest.map((row) => row.version),
  ]);
  return answer?.mine === 1;
}
