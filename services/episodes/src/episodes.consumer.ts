import type { BatonEvent, ReferralFacts } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import { amended, contentOf, lock, write } from '@baton/fhir-store';
import { batonActs, type Caller } from '@baton/kernel';
import type { Handler, Handlers } from '@baton/messaging';
import type { Tx } from '@baton/postgres';
import { episodeOf, withStatus } from './episode.fhir.js';
import { change, open, statusAfter, type Ending } from './episode.js';
import { changed, episodeOfReferral, hadContact, lockOpening, opened } from './episode.store.js';

/** What becomes of a referral, and of its episode. Each looks at what it finds: an event may come late, or again. */
export const episodesHandlers: Handlers = {
  'baton.referrals.referral-accepted.v1': accepted,
  'baton.referrals.referral-completed.v1': ended('completed'),
  'baton.referrals.referral-failed.v1': ended('failed'),
  'baton.referrals.referral-cancelled.v1': ended('cancelled'),
  'baton.referrals.referral-marked-in-error.v1': ended('marked-in-error'),
};

const acting = (event: BatonEvent): Caller => batonActs({ requestId: event.id, correlationId: event.correlationId, traceparent: event.traceparent });

/** Opens the episode, if no contact has. Its owner is the service's provider: the first of the recipients. */
async function accepted(tx: Tx, event: BatonEvent): Promise<void> {
  const { referral, patient, episode: id, recipients } = event.data as ReferralFacts;
  const [owner] = recipients;
  if (id === undefined || owner === undefined) throw new Error('An acceptance without episode or recipients');
  if ((await lockOpening(tx, referral)) !== undefined) return;
  const since = new Date(event.time);
  const decision = open({ id, referral, patient, owner });
  const { row, put, audited } = opened(decision, since, tx.now);
  await write(tx, 'episodes', acting(event), { puts: [put], rows: { episode: row }, events: [decision.event], audit: [audited], answer: undefined });
}

/** The referral has ended: so has its episode, unless its owner has closed it. */
function ended(ending: Ending): Handler {
  return async (tx, event) => {
    const { referral, reason } = event.data as ReferralFacts;
    const id = await episodeOfReferral(tx, referral);
    if (id === undefined) return;
    const [row, contact] = await Promise.all([lock(tx, acting(event), 'EpisodeOfCare', id), hadContact(tx, referral)]);
    if (!row || row.deleted) return;
    const content = contentOf(row) as Resource;
    const episode = episodeOf(row, content);
    const status = statusAfter(episode, ending, reason, contact);
    const decided = status && change(episode, status);
    if (!decided) return;
    if (!decided.ok) throw new Error(`Baton decided what the table does not hold: ${decided.violations.map(({ rule }) => rule).join(', ')}`);
    const put = amended(row, withStatus(content, decided.value.episode.status, new Date(event.time)), tx.now);
    await write(tx, 'episodes', acting(event), {
      puts: [put],
      rows: { episode: changed(decided.value.episode) },
      events: [decided.value.event],
      audit: [{ interaction: 'update', resources: [`EpisodeOfCare/${put.id}/_history/${put.version}`], owners: [put.owner], patient: episode.patient }],
      answer: undefined,
    });
  };
}
