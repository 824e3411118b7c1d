import { setTimeout as sleep } from 'node:timers/promises';
import { since, struck, type Fault } from '../fault.js';
import { OutboxWatch } from '../outbox-watch.js';

const AWAY_MS = 5_000;
const DRAINS_WITHIN_MS = 60_000;

export const brokerKilled: Fault = {
  name: 'broker-killed',
  does: 'The broker is killed (SIGKILL) under load, and started again on its data after 5 s.',
  run: () =>
    struck({}, async ({ kafka, home }) => {
      const outbox = await OutboxWatch.open(home);
      await kafka.kill(1);
      await sleep(AWAY_MS);
      await kafka.start(1);
      const answers = performance.now();
      const drained = await outbox.drained(DRAINS_WITHIN_MS);
      const figure = since(answers);
      await outbox.close();
      return {
        figures: [`${outbox.most} events waited at most, the oldest ${outbox.oldest.toFixed(1)} s; none any more ${figure} after the broker answered`],
        broken: drained ? [] : [`the outboxes were not empty ${DRAINS_WITHIN_MS / 1000} s after the broker answered`],
      };
    }),
};
