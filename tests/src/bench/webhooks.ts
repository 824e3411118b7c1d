import { subscriptionOf } from '../partner-system.js';
import type { BenchRun } from './bench-run.js';
import { median, rounded, type Section, type Window } from './figures.js';
import type { PacedDone } from './job.js';

const PER_SECOND = 100;
const P50_MS = 25;
const P99_MS = 100;

/** From a trust's POST until the charity's endpoint has the signed webhook, at a steady pace. */
export async function webhooks(run: BenchRun): Promise<Section> {
  const { receiver, people, baton, load, settings } = run;
  const { body } = await receiver.post('/api/notifications/v1/signing-secrets', {}, { 'content-type': 'application/json' });
  const endpoint = await load.receive(body.secret as string);
  const made = await receiver.post('Subscription', subscriptionOf('referral', endpoint, 'full-resource'));
  if (made.status !== 201) throw new Error(`No subscription: ${made.status} ${made.text}`);
  const subscription = `Subscription/${made.body.id as string}`;
  while ((await receiver.get(subscription)).body.status !== 'active') await new Promise((resolve) => setTimeout(resolve, 50));
  const rounds: PacedDone[] = [];
  for (let repeat = 0; repeat <= settings.repeats; repeat++) {
    const requests = await people.referrals(settings.webhooks);
    const round = await load.paced({ address: baton.address, token: await run.referrer.accessToken(), perSecond: PER_SECOND, requests });
    // The first one warms up.
    if (repeat > 0) rounds.push(round);
    run.say(`webhooks ${repeat}/${settings.repeats}: POST p50 ${rounded(round.posts.p50)} p99 ${rounded(round.posts.p99)} ms, arrival p50 ${rounded(round.arrival.p50)} p99 ${rounded(round.arrival.p99)} ms, missing ${round.missing}`);
    await baton.atRest();
  }
  await receiver.delete(subscription);
  return sectionOf(rounds);
}

const middle = (rounds: readonly PacedDone[], of: (round: PacedDone) => Window, quantile: 'p50' | 'p99'): number => rounded(median(rounds.map((round) => of(round)[quantile])));

function sectionOf(rounds: readonly PacedDone[]): Section {
  const figures = {
    post: { p50: middle(rounds, ({ posts }) => posts, 'p50'), p99: middle(rounds, ({ posts }) => posts, 'p99') },
    arrival: { p50: middle(rounds, ({ arrival }) => arrival, 'p50'), p99: middle(rounds, ({ arrival }) => arrival, 'p99') },
    afterAnswer: { p50: middle(rounds, ({ afterAnswer }) => afterAnswer, 'p50'), p99: middle(rounds, ({ afterAnswer }) => afterAnswer, 'p99') },
    missing: rounds.reduce((sum, { missing }) => sum + missing, 0),
    badSignatures: rounds.reduce((sum, { badSignatures }) => sum + badSignatures, 0),
    sent: rounds.reduce((sum, { posts }) => sum + posts.done, 0),
  };
  const { post, arrival, afterAnswer, missing, badSignatures, sent } = figures;
  return {
    name: 'webhooks',
    title: `POST → partner’s webhook at ${PER_SECOND}/s`,
    head: ['', 'p50 ms', 'p99 ms'],
    rows: [
      ['POST ServiceRequest, until its answer', post.p50, post.p99],
      ['the same, until the webhook is there', arrival.p50, arrival.p99],
      ['webhook after the answer', afterAnswer.p50, afterAnswer.p99],
    ],
    notes: [`On the way: outbox, log, consent’s decision with its access rows, its event through the log, numbering, consent asked while the full resource is rendered, signature. ${sent} referrals, ${missing} webhooks missing after ten seconds, ${badSignatures} bad signatures.`],
    goals: [
      { goal: 'webhook p50 at 100/s', wanted: `≤ POST + ${P50_MS} ms`, measured: `POST ${post.p50} + ${rounded(arrival.p50 - post.p50)} ms`, met: arrival.p50 <= post.p50 + P50_MS && missing + badSignatures === 0 },
      { goal: 'webhook p99 at 100/s', wanted: `≤ POST + ${P99_MS} ms`, measured: `POST ${post.p99} + ${rounded(arrival.p99 - post.p99)} ms`, met: arrival.p99 <= post.p99 + P99_MS && missing + badSignatures === 0 },
    ],
    data: figures,
  };
}
