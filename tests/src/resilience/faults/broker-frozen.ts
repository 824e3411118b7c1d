import { since, struck, type Fault, type Outcome } from '../fault.js';
import type { ApartStage } from '../apart-stage.js';
import type { Trial } from '../../durability/trial.js';
import { MemoryWatch } from '../memory.js';
import { OutboxWatch } from '../outbox-watch.js';
import { SteadyWriter } from '../steady-writer.js';

const PER_SECOND = 50;
const PERSONS = 60;
/** What a process may grow by while nothing can be published. */
const GROWS_AT_MOST_MIB = 150;

/** Seconds in which everything that waited has gone out, for each second that the broker stood still. */
const DRAINS_PER_SECOND = 1;

async function frozenFor(seconds: number, { kafka, home, processes }: ApartStage, trial: Trial): Promise<Outcome> {
  const writer = await SteadyWriter.open(trial, PERSONS);
  const outbox = await OutboxWatch.open(home);
  const memory = new MemoryWatch(processes);
  kafka.freeze(1);
  const began = performance.now();
  const late = setTimeout(() => kafka.thaw(1), seconds * 1000);
  // It goes on while what waited is worked off.
  await writer.write(PER_SECOND, () => performance.now() - began > (seconds + 5) * 1000);
  clearTimeout(late);
  const thawed = began + seconds * 1000;
  const within = Math.max(30, seconds * DRAINS_PER_SECOND);
  const drained = await outbox.drained(within * 1000);
  const figure = since(thawed);
  memory.stop();
  await outbox.close();
  return {
    figures: [writer.figure, `${outbox.most} events waited at most; none any more ${figure} after the broker went on`, memory.figure],
    broken: [
      ...writer.broken,
      ...(drained ? [] : [`the outboxes were not empty ${within} s after the broker went on`]),
      ...(memory.growth > GROWS_AT_MOST_MIB ? [`a process grew by ${memory.growth} MiB`] : []),
    ],
  };
}

export const brokerFrozen: Fault = {
  name: 'broker-frozen',
  does: `The broker stands still (SIGSTOP) for 60 s, with --long for 300 s, while ${PER_SECOND} writes a second come.`,
  run: ({ long }) => struck({ walking: false, restsWithin: long ? 600_000 : 180_000 }, (stage, trial) => frozenFor(long ? 300 : 60, stage, trial)),
};
