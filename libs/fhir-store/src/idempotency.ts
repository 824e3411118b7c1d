import { crashPoint, refuse, type Caller } from '@baton/kernel';
import { sqlState, statement, type Fragment, type Schema, type Tx } from '@baton/postgres';

/** A client's promise that repeats of a request are the same request (`Idempotency-Key`); kept for 24 h. */
export interface IdempotencyClaim {
  readonly key: string;
  /** Keyed digest of method, path and body: the same key with another request is refused. */
  readonly fingerprint: string;
}

interface Kept {
  fingerprint: string;
  answer: unknown;
}

/**
 * Claims a key, as the first statement of the transaction. A twin that is still in work holds the unique index: it is
 * waited for, 5 s at most.
 *
 * @returns the answer kept from the first time, or nothing if this is the first time
 * @throws Refused `too-early` while a twin is in work, `rule-broken` if the key stood for another request
 */
export async function claim<Answer>(tx: Tx, schema: Schema, caller: Caller, { key, fingerprint }: IdempotencyClaim): Promise<Answer | undefined> {
  const waiting = (limit: string): Promise<object[]> => tx.query(statement(`SELECT set_config('lock_timeout', $1, true)`), [limit]);
  const asking = (): Promise<object[]> => tx.query(
    statement(`INSERT INTO ${schema}.idempotency (partner, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING key`),
    [caller.partner, key, fingerprint],
  );
  const [, claimed] = await Promise.all([waiting('5s'), asking(), waiting('0')]).catch((error: unknown) => {
    if (sqlState(error) === '55P03') throw refuse('too-early', 'request-in-work', 'A request with this Idempotency-Key is still in work; ask again in a moment.');
    throw error;
  });
  crashPoint('idempotency.claimed');
  if (claimed.length > 0) return undefined;
  const [kept] = await tx.query<Kept>(statement(`SELECT fingerprint, answer FROM ${schema}.idempotency WHERE partner = $1 AND key = $2`), [caller.partner, key]);
  if (kept?.fingerprint !== fingerprint) {
    throw refuse('rule-broken', 'idempotency-key-reused', 'This Idempotency-Key was used for another request; use a new key.');
  }
  return kept.answer as Answer;
}

/** Keeps the answer beside the effect; bodies are not kept, they are rendered anew under the visibility of then. */
export const keep = (schema: Schema, caller: Caller, { key }: IdempotencyClaim, answer: unknown): Fragment => ({
  sql: `UPDATE ${schema}.idempotency SET answer = $3::jsonb WHERE partner = $1 AND key = $2`,
  values: [caller.partner, key, JSON.stringify(answer)],
});

/** Forgets keys older than 24 h. @returns how many */
export async function forgetOldKeys(tx: Tx, schema: Schema): Promise<number> {
  const gone = await tx.query(statement(`DELETE FROM ${schema}.idempotency WHERE at < statement_timestamp() - interval '24 hours' RETURNING key`));
  return gone.length;
}
