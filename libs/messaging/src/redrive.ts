import type { BatonEvent } from '@baton/contracts';
import { crashPoint } from '@baton/kernel';
import type { Database, Schema, Tx } from '@baton/postgres';
import { errorClass, passes } from './failure.js';
import { firstParked, lockKey, noteFailure, openIfEmpty, unpark, type ParkedKey } from './parked.js';

/** How far a redrive came. */
export interface Redriven {
  readonly topic: string;
  readonly key: string;
  /** Events that took effect now. */
  readonly applied: number;
  /** Class of the failure that stopped it; the key stays shut then. */
  readonly stoppedBy?: string;
}

/**
 * Applies a parked key's events in order, each with its removal in one transaction, until none is left (the key opens)
 * or one fails (the key stays shut). The consumer waits meanwhile when it meets the key; killed halfway it goes on where it was.
 * @throws what passes by itself (the database is away)
 */
export async function redrive(
  database: Database,
  schema: Schema,
  key: ParkedKey,
  handlers: Readonly<Record<string, (tx: Tx, event: BatonEvent) => Promise<void>>>,
): Promise<Redriven> {
  const { topic, key: of, consumer } = key;
  let applied = 0;
  for (;;) {
    try {
      const went = await database.transaction(async (tx) => {
        if (!(await lockKey(tx, schema, key))) return 'open';
        const event = await firstParked(tx, schema, key);
        if (event) {
          const handler = handlers[event.type];
          if (!handler) throw new NoHandler(event.type);
          await handler(tx, event);
          await unpark(tx, schema, consumer, event.id);
        }
        return (await openIfEmpty(tx, schema, key)) ? (event ? 'last' : 'open') : 'more';
      });
      crashPoint('consumer.redriven');
      if (went !== 'open') applied++;
      if (went !== 'more') return { topic, key: of, applied };
    } catch (error) {
      if (passes(error)) throw error;
      const stoppedBy = errorClass(error);
      await noteFailure(database, schema, key, { error: stoppedBy, attempts: 1 });
      return { topic, key: of, applied, stoppedBy };
    }
  }
}

/** The event was parked by an earlier version of the service, which handled its type. */
class NoHandler extends Error {}
