import { eventContract, type NewEvent } from '@baton/contracts';
import { crashPoint, newEventId, type Caller } from '@baton/kernel';
import { statement, type Fragment, type Schema, type Tx } from '@baton/postgres';
import { ring } from './doorbell.js';

const texts = new Map<Schema, string>();

const checks = process.env['NODE_ENV'] === 'test' || process.env['BATON_CHECK_EVENTS'] === '1';

/**
 * The outbox rows of a change, to be woven into the statement that writes the change. That statement must run while the
 * aggregate's row lock is held (or make the aggregate): sequence numbers are drawn in it, and their order is the order
 * in which the relay sends. Call {@link hintRelay} in the same transaction.
 *
 * @param schema the service whose events these are; each event's topic must be one of its own
 * @param events in the order in which they happened; ids are made here and stay the same for good
 * @param caller whose request or which event caused them
 * @throws if an event is in no contract, belongs to another service or (under test) its data break the contract
 */
export function outboxCte(schema: Schema, events: readonly NewEvent[], caller: Caller): Fragment {
  const contracts = events.map((event) => contractOf(schema, event));
  return {
    sql: textFor(schema),
    values: [
      events.map(() => newEventId()),
      contracts.map((contract) => contract.topic),
      events.map((event) => event.key),
      events.map((event) => event.type),
      events.map((event) => event.version),
      events.map((event) => JSON.stringify(event.data)),
      caller.correlationId,
      caller.requestId,
      caller.traceparent ?? null,
    ],
  };
}

/** Wakes the relay of this process once the transaction is committed. */
export function hintRelay(tx: Tx, schema: Schema): void {
  tx.afterCommit(() => ring(`outbox.${schema}`));
}

/** Writes events by a statement of its own, where none can be woven (Bundles: once per schema, in schema order, after all entries). */
export async function writeOutbox(tx: Tx, schema: Schema, events: readonly NewEvent[], caller: Caller): Promise<void> {
  if (events.length === 0) return;
  const { sql, values } = outboxCte(schema, events, caller);
  await tx.query(statement(sql), values);
  crashPoint('outbox.written');
  hintRelay(tx, schema);
}

function textFor(schema: Schema): string {
  let text = texts.get(schema);
  if (text === undefined) {
    text = `INSERT INTO ${schema}.outbox (event_id, topic, key, type, version, correlation_id, causation_id, traceparent, data)
      SELECT e.event_id, e.topic, e.key, e.type, e.version, $7::text, $8::text, $9::text, e.data::json
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[]) WITH ORDINALITY AS e(event_id, topic, key, type, version, data, place)
      ORDER BY e.place`;
    texts.set(schema, text);
  }
  return text;
}

function contractOf(schema: Schema, event: NewEvent): { topic: string } {
  const contract = eventContract(event.type);
  if (!contract.topic.startsWith(`baton.${schema}.`)) throw new Error(`${schema} may not publish ${event.type}`);
  if (checks) {
    const read = contract.data.safeParse(event.data);
    if (!read.success) throw new Error(`Data of ${event.type} break its contract: ${read.error.issues.map((issue) => `${issue.path.join('.')} ${issue.code}`).join(', ')}`);
  }
  return contract;
}
