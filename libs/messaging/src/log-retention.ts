import { crashPoint } from '@baton/kernel';
import { type Database, perSchema, type Schema } from '@baton/postgres';
import { offsetSince } from './log-replay.js';
import type { Position } from './log.js';

const CHUNK = 5000;

const heads = perSchema((schema) => `SELECT topic, partition::int AS partition, next::float8 AS next FROM ${schema}.log_head ORDER BY topic, partition`);
const oldest = perSchema((schema) => `SELECT min("offset")::float8 AS "offset" FROM ${schema}.log WHERE topic = $1::text AND partition = $2::int`);
const trim = perSchema((schema) => `DELETE FROM ${schema}.log WHERE topic = $1::text AND partition = $2::int AND "offset" < $3::bigint`);

/**
 * Removes what was appended longer ago than `keepMs` milliseconds, in small steps. A group that had not read it yet
 * counts it as `missed`; consumers' inboxes must remember longer than this.
 * @param now the present moment
 */
export async function trimLog(database: Database, schema: Schema, keepMs: number, now: Date): Promise<void> {
  for (const head of await database.query<Position>(heads(schema))) {
    const keepFrom = await offsetSince(database, schema, head, new Date(now.getTime() - keepMs));
    const [first] = await database.query<{ offset: number | null }>(oldest(schema), [head.topic, head.partition]);
    for (let upTo = (first?.offset ?? keepFrom) + CHUNK; upTo < keepFrom + CHUNK; upTo += CHUNK) {
      await database.query(trim(schema), [head.topic, head.partition, Math.min(upTo, keepFrom)]);
      crashPoint('log.trimmed');
    }
  }
}
