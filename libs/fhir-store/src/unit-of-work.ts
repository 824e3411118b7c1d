import type { Caller } from '@baton/kernel';
import type { Database, Schema, Tx } from '@baton/postgres';
import type { Change, ResourceAnswer } from './change.js';
import { claim, keep, type IdempotencyClaim } from './idempotency.js';
import { readVersion } from './reading.js';
import { shown } from './shown.js';
import { write } from './writing.js';

/**
 * Carries out one command by itself: one transaction, one writing statement. The command decides, this writes.
 *
 * @param command opens no transaction of its own; may run again after a deadlock
 */
export async function alone<Answer>(database: Database, schema: Schema, caller: Caller, command: (tx: Tx) => Promise<Change<Answer>>): Promise<Answer> {
  return database.transaction(async (tx) => {
    const change = await command(tx);
    await write(tx, schema, caller, change, { last: true });
    return change.answer;
  });
}

/** {@link alone} for a write to one resource that may carry an `Idempotency-Key`: a repeat gets the first answer again. */
export async function aloneOnce(
  database: Database,
  schema: Schema,
  caller: Caller,
  idempotency: IdempotencyClaim | undefined,
  command: (tx: Tx) => Promise<Change<ResourceAnswer>>,
): Promise<ResourceAnswer> {
  if (!idempotency) return alone(database, schema, caller, command);
  return database.transaction(async (tx) => {
    const before = await claim<KeptAnswer>(tx, schema, caller, idempotency);
    if (before) return answeredBefore(tx, caller, before);
    const change = await command(tx);
    const { body: _body, ...kept } = change.answer;
    await write(tx, schema, caller, { ...change, rows: { ...change.rows, kept_answer: keep(schema, caller, idempotency, kept) } }, { last: true });
    return change.answer;
  });
}

/** What is kept of an answer for repeats of the request. */
export type KeptAnswer = Omit<ResourceAnswer, 'body' | 'lastUpdated'> & { readonly lastUpdated: string };

/** The answer of then, with the body as the caller may see it now. */
export async function answeredBefore(tx: Tx, caller: Caller, { lastUpdated, ...answer }: KeptAnswer): Promise<ResourceAnswer> {
  const row = answer.outcome === 'deleted' ? undefined : await readVersion(tx, caller, answer.type, answer.id, answer.version);
  return { ...answer, lastUpdated: new Date(lastUpdated), body: row ? shown(caller, row) : '' };
}
