import { orderKey } from './envelope.js';

/** What the relay must know of an outbox row to decide whether it may go. */
export interface Queued {
  readonly topic: string;
  readonly key: string;
  readonly version: number;
  /** Last version of this aggregate that was sent; 0 if none was. */
  readonly sent: number;
}

/**
 * Decides what may be sent: of each aggregate the versions that follow the last one sent without a gap, in version order.
 * What has no predecessor yet is held back, and so is a version that was sent before (two changes claim the same number:
 * nobody can say which is right). Other aggregates are not kept waiting.
 *
 * @param rows in outbox order
 */
export function contiguous<Row extends Queued>(rows: readonly Row[]): { send: Row[]; held: Row[] } {
  const last = new Map<string, number>();
  const early = new Map<string, Map<number, Row>>();
  const send: Row[] = [];
  const held: Row[] = [];
  for (const row of rows) {
    const aggregate = orderKey(row);
    let version = last.get(aggregate) ?? row.sent;
    const waiting = early.get(aggregate) ?? new Map<number, Row>();
    if (row.version <= version || waiting.has(row.version)) {
      held.push(row);
      continue;
    }
    early.set(aggregate, waiting.set(row.version, row));
    for (let next = waiting.get(version + 1); next; next = waiting.get(version + 1)) {
      send.push(next);
      waiting.delete(++version);
    }
    last.set(aggregate, version);
  }
  for (const waiting of early.values()) held.push(...waiting.values());
  return { send, held };
}
