import { setTimeout as sleep } from 'node:timers/promises';
import { CutOff } from '../cut-off.js';
import { since, struck, type Fault } from '../fault.js';
import { OutboxWatch } from '../outbox-watch.js';
import { SteadyWriter } from '../steady-writer.js';

const PER_SECOND = 20;
const DRAINS_WITHIN_MS = 60_000;

async function cutOffFor(seconds: number, front: CutOff): ReturnType<Fault['run']> {
  return struck({ walking: false, before: front, restsWithin: 120_000 }, async ({ home }, trial) => {
    const writer = await SteadyWriter.open(trial, 30);
    const outbox = await OutboxWatch.open(home);
    let over = false;
    const writing = writer.write(PER_SECOND, () => over);
    front.silence();
    await sleep(seconds * 1000);
    front.mend();
    const mended = performance.now();
    over = true;
    await writing;
    const drained = await outbox.drained(DRAINS_WITHIN_MS);
    const figure = since(mended);
    await outbox.close();
    return {
      figures: [writer.figure, `${outbox.most} events waited at most; none any more ${figure} after new connections passed`],
      broken: [...writer.broken, ...(drained ? [] : [`the outboxes were not empty ${DRAINS_WITHIN_MS / 1000} s after new connections passed`])],
    };
  });
}

export const brokerCutOff: Fault = {
  name: 'broker-cut-off',
  does: `The broker is cut off for 20 s, with --long for 60 s, while ${PER_SECOND} writes a second come: open connections swallow everything, new ones never get an answer, none is closed.`,
  run: async ({ long }) => {
    const front = await CutOff.open();
    return cutOffFor(long ? 60 : 20, front).finally(() => front.close());
  },
};
