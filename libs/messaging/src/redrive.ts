import { crashPoint } from '@baton/kernel';
import type { Database, Schema } from '@baton/postgres';
import { errorClass, passes } from './failure.js';
import type { Judge } from './judge.js';
import { firstParked, lockKey, noteFailure, openIfEmpty, unpark, type ParkedKey, type Where } from './parked.js';

/** How far a redrive came. */
export interface Redriven extends Where {
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
export async function redrive(database: Database, schema: Schema, key: ParkedKey, judge: Judge): Promise<Redriven> {
  const { topic, key: of, consumer } = key;
  let applied = 0;
  for (;;) {
    try {
      const went = await database.transaction(async (tx) => {
        if (!(await lockKey(tx, schema, key))) return 'open';
        const parked = await firstParked(tx, schema, key);
        if (parked) {
          await judge.apply(tx, parked);
          await unpark(tx, schema, consumer, parked.event.id);
        }
        return (await openIfEmpty(tx, schema, consumer, [key])) > 0 ? (parked ? 'last' : 'open') : 'more';
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
