import { since, struck, type Fault } from '../fault.js';
import { OutboxWatch } from '../outbox-watch.js';
import { plainKafka } from '../topic-log.js';

const TOPIC = 'baton.referrals.referral';
const DRAINS_WITHIN_MS = 60_000;

/** Which broker (1, 2, 3) leads a partition of referrals' events. */
async function leaderOf(brokers: string): Promise<number> {
  const admin = plainKafka(brokers).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
    return topics[0]!.partitions[0]!.leader;
  } finally {
    await admin.disconnect();
  }
}

export const leaderKilled: Fault = {
  name: 'leader-killed',
  does: 'Of three brokers, the one that leads a partition of the referrals is killed (SIGKILL) under load; it is started again at the end.',
  run: () =>
    struck({ brokers: 3 }, async ({ kafka, home, brokers }, trial) => {
      const leader = await leaderOf(brokers);
      const outbox = await OutboxWatch.open(home);
      const began = performance.now();
      await kafka.kill(leader);
      await trial.workFor(6);
      const worked = since(began);
      const drained = await outbox.drained(DRAINS_WITHIN_MS);
      await outbox.close();
      await kafka.start(leader);
      return {
        figures: [`an event waited for ${outbox.oldest.toFixed(1)} s at most to be published`, `six more young persons were taken on within ${worked}`],
        broken: drained ? [] : [`the outboxes were not empty ${DRAINS_WITHIN_MS / 1000} s later`],
      };
    }),
};
