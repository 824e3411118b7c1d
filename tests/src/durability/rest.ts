import { setTimeout as sleep } from 'node:timers/promises';
import type { History } from './history.js';
import { astray } from './observe-projections.js';
import { gaugesAtRest } from './observe.js';
import type { Stage } from './stage.js';

const QUIET_LOOKS = 3;

/**
 * Waits until the metrics show nothing left to do, several looks in a row; or until it is clear that this does not happen.
 * @param within milliseconds @param and what is to be true besides
 */
export async function untilAtRest(stage: Stage, within: number, and: () => boolean = () => true): Promise<void> {
  let quiet = 0;
  for (const deadline = Date.now() + within; quiet < QUIET_LOOKS && Date.now() < deadline; await sleep(100)) {
    const gauges = gaugesAtRest(await stage.metrics());
    quiet = Object.values(gauges).every((value) => value === 0) && and() ? quiet + 1 : 0;
  }
}

/** What is 0 when nothing is left to do. */
export const restOf = async (stage: Stage): Promise<History['rest']> => ({ ...gaugesAtRest(await stage.metrics()), ...(await astray(stage.system('operator'))) });
