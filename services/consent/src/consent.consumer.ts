import type { BatonEvent, RecordFacts, ReferralFacts } from '@baton/contracts';
import { write } from '@baton/fhir-store';
import { batonActs, newId, type Caller } from '@baton/kernel';
import type { Handlers } from '@baton/messaging';
import { statement, type Tx } from '@baton/postgres';
import { outcomeOf, type Change } from './judgement.store.js';
import { lockedState, type PersonState } from './person.store.js';
import type { Sharing } from './sharing.js';

/** What happens elsewhere, and what consent decides because of it. Each looks at the state it finds: an event may come again. */
export const consentHandlers: Handlers = {
  'baton.referrals.referral-requested.v1': (tx, event) => aboutReferral(tx, event, asked),
  'baton.referrals.referral-amended.v1': (tx, event) => aboutReferral(tx, event, asked),
  'baton.referrals.referral-rejected.v1': (tx, event) => aboutReferral(tx, event, ended),
  'baton.referrals.referral-completed.v1': (tx, event) => aboutReferral(tx, event, ended),
  'baton.referrals.referral-failed.v1': (tx, event) => aboutReferral(tx, event, ended),
  'baton.referrals.referral-cancelled.v1': (tx, event) => aboutReferral(tx, event, ended),
  'baton.referrals.referral-marked-in-error.v1': (tx, event) => aboutReferral(tx, event, ended),
  'baton.episodes.episode-opened.v1': recorded,
  'baton.episodes.contact-recorded.v1': recorded,
  'baton.episodes.care-plan-recorded.v1': recorded,
  'baton.episodes.alert-recorded.v1': recorded,
  'baton.episodes.measure-recorded.v1': recorded,
};

const causeOf = (event: BatonEvent): Caller => batonActs({ requestId: event.id, correlationId: event.correlationId, traceparent: event.traceparent });

type Reaction = (facts: ReferralFacts, before: Sharing | undefined) => Sharing | undefined;

async function aboutReferral(tx: Tx, event: BatonEvent, react: Reaction): Promise<void> {
  const facts = event.data as ReferralFacts;
  const state = await lockedState(tx, facts.patient);
  const sharing = react(facts, state.sharings.find(({ referral }) => referral === facts.referral));
  if (sharing) await judgeAgain(tx, causeOf(event), state, { sharing });
}

/** A referral asks for a decision: is there a lawful basis for its receiver to know? What it names may change later. */
const asked: Reaction = ({ referral, patient, referrer, service, recipients, named }, before) =>
  before ? { ...before, named } : { referral, version: 0, state: 'undecided', patient, referrer, service, recipients, named, allowed: [], implied: newId(), closed: false };

/** Who knew of it goes on to know it; nobody comes to know it any more. */
const ended: Reaction = (_facts, before) => before && { ...before, closed: true };

const HAS_EXCEPTIONS = statement(`
  SELECT EXISTS (
    SELECT FROM directory.person_v1 one JOIN directory.person_v1 same ON same.person = one.person JOIN consent.decision d ON d.patient = same.patient
    WHERE one.patient = $1 AND d.referral IS NULL AND d.status <> 'entered-in-error' AND (d.context IS NOT NULL OR d.scope->>'kind' = 'items' OR d.withheld @> '[{"kind":"items"}]')) AS found`);

/** Something new in a category that an exception cuts: what is open in it is opened one by one. */
async function recorded(tx: Tx, event: BatonEvent): Promise<void> {
  const { patient } = event.data as RecordFacts;
  const [row] = await tx.query<{ found: boolean }>(HAS_EXCEPTIONS, [patient]);
  if (row!.found) await judgeAgain(tx, causeOf(event), await lockedState(tx, patient), {});
}

/** Judges a person whose lock is held, and writes and announces what follows. */
export async function judgeAgain(tx: Tx, caller: Caller, state: PersonState, change: Change): Promise<void> {
  const { rows, events } = outcomeOf(state, change);
  await write(tx, 'consent', caller, { puts: [], rows, events, audit: [], answer: undefined });
}
