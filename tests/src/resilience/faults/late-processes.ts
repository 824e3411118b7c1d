import { setTimeout as sleep } from 'node:timers/promises';
import { EVENTS } from '@baton/contracts';
import { administering } from '../../durability/administering.js';
import type { ApartStage } from '../apart-stage.js';
import { struck, type Fault } from '../fault.js';

/** Longer than the lease of a relay or of a delivery (3 s), and than a session in a consumer group (10 s). */
const STANDS_STILL_MS = 15_000;

const PUBLISHERS = [...new Set(EVENTS.map(({ topic }) => topic.split('.')[1]!))];
const EPOCHS = `SELECT sum(epoch)::int AS sum FROM (${PUBLISHERS.map((schema) => `SELECT epoch FROM ${schema}.relay_lease`).join(' UNION ALL ')}) AS leases`;

/** How often the right to relay an outbox has passed to another process. */
const epochs = (home: string): Promise<number> => administering(home, async ({ admin }) => (await admin<{ sum: number }>(EPOCHS))[0]!.sum);

/** One of the two of each service stands still, wakes up, and goes on with what it had in hand. */
async function standStill({ processes }: ApartStage, instance: number): Promise<void> {
  const those = processes.filter((each) => each.instance === instance);
  those.forEach((each) => each.signal('SIGSTOP'));
  await sleep(STANDS_STILL_MS);
  those.forEach((each) => each.signal('SIGCONT'));
}

export const lateProcesses: Fault = {
  name: 'late-processes',
  does: 'One process of each service stands still (SIGSTOP) for 15 s under load, longer than leases and sessions last, and wakes up late; then the other of each.',
  run: () =>
    struck({ restsWithin: 90_000 }, async (stage, trial) => {
      const before = await epochs(stage.home);
      const persons = trial.load.persons;
      for (const instance of [0, 1]) {
        await standStill(stage, instance);
        await trial.workFor(3);
        await stage.untilReady();
      }
      const changes = (await epochs(stage.home)) - before;
      return {
        figures: [`the right to relay an outbox passed on ${changes} times`, `${trial.load.persons - persons} young persons were taken on meanwhile`],
        broken: changes >= 2 ? [] : ['no relay that held its lease stood still: nothing was tried'],
      };
    }),
};
