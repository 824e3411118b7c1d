import { crashPoint } from '@baton/kernel';
import { type Database, perSchema, type Schema, type Tx } from '@baton/postgres';
import { orderKey } from './envelope.js';
import { Forgotten, LIFE } from './life.js';
import type { Received } from './transport.js';

const note = perSchema(
  (schema) => `WITH fresh AS (
      INSERT INTO ${schema}.inbox (consumer, event_id) SELECT $1::text, id FROM unnest($2::uuid[]) AS id ORDER BY id ON CONFLICT DO NOTHING RETURNING event_id
    ), shut AS (
      SELECT topic, key FROM ${schema}.parked_key WHERE consumer = $1::text AND key = ANY($3::text[]) ORDER BY topic, key FOR UPDATE
    )
    SELECT (SELECT coalesce(array_agg(event_id::text), '{}') FROM fresh) AS fresh, (SELECT coalesce(array_agg(topic || ' ' || key), '{}') FROM shut) AS shut, ${LIFE} AS life`,
);

const lookAgain = perSchema(
  (schema) => `SELECT topic || ' ' || key AS aggregate FROM ${schema}.parked_key WHERE consumer = $1::text AND key = ANY($2::text[]) ORDER BY topic, key FOR UPDATE`,
);

/** What a batch holds for this consumer. */
export interface Admitted {
  /** Never seen before, in the order of the batch. Their inbox rows are written. */
  readonly fresh: readonly Received[];
  /** Aggregates that are parked, locked until the transaction ends. */
  readonly shut: ReadonlySet<string>;
}

/**
 * Writes the inbox rows of a batch, in the transaction of its effects: an event that another delivery has handled, or is
 * handling right now (this waits for it), is not fresh.
 * @param life of the database in which the position behind the batch was learnt, if positions are kept there
 * @throws Forgotten if the database is in another life
 */
export async function admit(tx: Tx, schema: Schema, consumer: string, batch: readonly Received[], life?: string): Promise<Admitted> {
  const ids = [...new Set(batch.map(({ event }) => event.id))];
  const keys = [...new Set(batch.map(({ event }) => event.key))];
  const [row] = await tx.query<{ fresh: string[]; shut: string[]; life: string }>(note(schema), [consumer, ids, keys]);
  crashPoint('consumer.inbox-written');
  if (life !== undefined && row!.life !== life) throw new Forgotten();
  const left = new Set(row!.fresh);
  // Somebody else handled part of it: what they parked may have been committed after this statement's snapshot was taken.
  const shut = left.size < ids.length ? (await tx.query<{ aggregate: string }>(lookAgain(schema), [consumer, keys])).map(({ aggregate }) => aggregate) : row!.shut;
  return { fresh: batch.filter(({ event }) => left.delete(event.id)), shut: new Set(shut) };
}

/** Is the aggregate of this event parked? */
export const isShut = (admitted: Admitted, { event }: Received): boolean => admitted.shut.has(orderKey(event));

const trim = perSchema((schema) => `DELETE FROM ${schema}.inbox WHERE at < statement_timestamp() - $1::float8 * interval '1 ms'`);

/**
 * Forgets events that were handled long ago. An event that is delivered or replayed after that takes effect again: the
 * age must exceed what the log keeps, and with it the longest replay.
 * @param keepMs milliseconds to keep
 */
export async function trimInbox(database: Database, schema: Schema, keepMs: number): Promise<void> {
  await database.query(trim(schema), [keepMs]);
  crashPoint('inbox.trimmed');
}
