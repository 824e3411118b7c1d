import { type Database, perSchema, type Schema } from '@baton/postgres';
import { publisherOf } from './envelope.js';
import { readHeads, readLog, received, type Position } from './log.js';
import type { ReplayRequest } from './transport.js';

const BATCH = 500;

interface Stretch extends Position {
  /** Offset at which the replay ends. */
  readonly end: number;
}

// `appended_at` never falls within a partition, so a binary search over the primary key finds a moment without an index on it.
const firstSince = perSchema(
  (schema) => `WITH RECURSIVE search AS (
      SELECT coalesce((SELECT min(l."offset") FROM ${schema}.log_v1 l WHERE l.topic = $1::text AND l.partition = $2::int), $3::bigint) AS low, $3::bigint AS high
      UNION ALL
      SELECT CASE WHEN at_middle.early THEN middle + 1 ELSE low END, CASE WHEN at_middle.early THEN high ELSE middle END
      FROM (SELECT low, high, (low + high) / 2 AS middle FROM search WHERE low < high) s
      CROSS JOIN LATERAL (SELECT l.appended_at < $4::timestamptz AS early FROM ${schema}.log_v1 l
        WHERE l.topic = $1::text AND l.partition = $2::int AND l."offset" = s.middle) at_middle
    )
    SELECT max(low)::float8 AS "offset" FROM search`,
);

/** First offset of a partition that was appended at or after a moment; the head if there is none. */
export async function offsetSince(database: Database, schema: Schema, head: Position, since: Date): Promise<number> {
  const [row] = await database.query<{ offset: number }>(firstSince(schema), [head.topic, head.partition, head.next, since]);
  return row!.offset;
}

/** Replays a stretch of the log beside all groups; nothing is remembered of it. @returns events handled */
export async function replayLog(database: Database, request: ReplayRequest): Promise<number> {
  const heads: Position[] = [];
  for (const topic of request.topics) heads.push(...(await readHeads(database, publisherOf(topic), [topic])));
  let handled = 0;
  for (const head of heads) {
    const schema = publisherOf(head.topic);
    const end = request.until ? await offsetSince(database, schema, head, request.until) : head.next;
    const next = await offsetSince(database, schema, head, request.since);
    handled += await replayStretch(database, schema, { ...head, next, end }, request.handle);
  }
  return handled;
}

async function replayStretch(database: Database, schema: Schema, stretch: Stretch, handle: ReplayRequest['handle']): Promise<number> {
  let handled = 0;
  let next = stretch.next;
  while (next < stretch.end) {
    const entries = (await readLog(database, schema, [{ ...stretch, next }], BATCH)).filter((entry) => entry.offset < stretch.end);
    if (entries.length === 0) break;
    await handle(entries.map(received));
    handled += entries.length;
    next = entries.at(-1)!.offset + 1;
  }
  return handled;
}
