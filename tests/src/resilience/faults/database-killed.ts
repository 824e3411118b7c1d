import { setTimeout as sleep } from 'node:timers/promises';
import { since, struck, type Fault } from '../fault.js';

const TIMES = 3;

export const databaseKilled: Fault = {
  name: 'database-killed',
  does: `PostgreSQL is killed (SIGKILL to its first process) under load, ${TIMES} times; whatever watches over it starts it again.`,
  run: () =>
    struck({ restsWithin: 90_000 }, async (stage, trial) => {
      const took: string[] = [];
      for (let time = 0; time < TIMES; time++) {
        const began = performance.now();
        await stage.killPostgres();
        await trial.workFor(2);
        took.push(since(began));
        await sleep(1000 * time);
      }
      return { figures: [`two more young persons were taken on within ${took.join(', ')}`], broken: [] };
    }),
};
