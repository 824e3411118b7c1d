import { write } from '@baton/fhir-store';
import { batonActs, crashPoint, newId } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { errorFields, type Host, type Worker } from '@baton/service-host';
import { lockDue, updateReferral } from './referral.store.js';
import { raiseUnacknowledged } from './referral.js';

const AT_ONCE = 50;
const EVERY_MS = 1_000;

/**
 * Finds referrals that nobody has received within the pathway's allowance, and says so: once each, however many
 * instances look and however often they are restarted. The resources stay as they are, so that an acceptance in flight
 * is not refused as stale.
 *
 * @returns how many were raised
 */
export async function raiseDue(database: Database): Promise<number> {
  return database.transaction(async (tx) => {
    const due = await lockDue(tx, AT_ONCE);
    for (const { state, acknowledgeBy } of due) {
      const caller = batonActs({ requestId: newId(), correlationId: newId() });
      const decided = raiseUnacknowledged(state, acknowledgeBy === undefined, { by: caller.partner, now: tx.now });
      if (!decided.ok) throw new Error(`A referral was found due and is not: ${decided.violations.map((violation) => violation.rule).join(', ')}`);
      const { referral, event } = decided.value;
      await write(tx, 'referrals', caller, { puts: [], rows: { referral: updateReferral(referral) }, events: [event], audit: [], answer: undefined });
      crashPoint('referrals.unacknowledged-written');
    }
    return due.length;
  });
}

/** Looks each second; a look that fails is made again; of several in a row the first is logged. */
export function acknowledgementWorker({ database, log }: Pick<Host, 'database' | 'log'>, everyMs = EVERY_MS): Worker {
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let stopped = false;
  let failing = false;

  const look = async (): Promise<void> => {
    try {
      while ((await raiseDue(database)) === AT_ONCE && !stopped);
      failing = false;
    } catch (error) {
      if (!failing) log.error('the scan for unacknowledged referrals failed', errorFields(error));
      failing = true;
    }
    if (!stopped) again();
  };
  const again = (): void => {
    timer = setTimeout(() => {
      looking = look();
    }, everyMs);
  };

  return {
    name: 'unacknowledged referrals',
    start: again,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
    health: () => (failing ? 'failing' : 'ok'),
  };
}
