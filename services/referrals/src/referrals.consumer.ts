import type { BatonEvent, SharingFacts } from '@baton/contracts';
import { batonActs, type Caller, type Result } from '@baton/kernel';
import { write } from '@baton/fhir-store';
import type { Handlers } from '@baton/messaging';
import type { Tx } from '@baton/postgres';
import { auditAlong, requestAlong, taskAlong } from './referral-pair.store.js';
import type { Circumstances, Referral } from './referral-state.js';
import { decide, hold, release, type Decision } from './referral.js';
import { beginClock, lockReferral, updateReferral, type Acknowledgement, type StoredReferral } from './referral.store.js';
import { batonsReason } from './service-request.fhir.js';
import { isOpen } from './transitions.js';

/** What consent found, and what becomes of the referral. Each looks at the state it finds: an event may come late, or again. */
export const referralsHandlers: Handlers = {
  // Nearly always all there is to do, in one statement that goes out at once.
  'baton.consent.sharing-allowed.v1': async (tx, event) => {
    const { referral, recipients } = event.data as SharingFacts;
    if (!(await beginClock(tx, referral, recipients))) await handled(tx, event, sharingAllowed);
  },
  'baton.consent.sharing-refused.v1': (tx, event) => handled(tx, event, sharingRefused),
  'baton.consent.sharing-withdrawn.v1': (tx, event) => handled(tx, event, sharingWithdrawn),
};

type Reaction = (tx: Tx, caller: Caller, stored: StoredReferral, sharing: SharingFacts) => Promise<void>;

async function handled(tx: Tx, event: BatonEvent, react: Reaction): Promise<void> {
  const sharing = event.data as SharingFacts;
  const stored = await lockReferral(tx, sharing.referral);
  if (!stored || !isOpen(stored.state.status)) return;
  await react(tx, batonActs({ requestId: event.id, correlationId: event.correlationId, traceparent: event.traceparent }), stored, sharing);
}

/** Somebody who acts for the receiving service may know of the referral. */
const reaches = ({ recipients }: Referral, sharing: SharingFacts): boolean => recipients.some((partner) => sharing.recipients.includes(partner));

/** The receiver of a held referral can see it now: it is released, and its time to receive it runs. */
async function sharingAllowed(tx: Tx, caller: Caller, { state }: StoredReferral, sharing: SharingFacts): Promise<void> {
  if (state.status === 'requested' && state.held && reaches(state, sharing)) await writeDecision(tx, caller, state, release(state, by(caller, tx)), 'begins');
}

/** Nobody to receive it: it is held, and no clock runs. */
async function sharingRefused(tx: Tx, caller: Caller, { state }: StoredReferral): Promise<void> {
  if (state.status === 'requested' && !state.held) await writeDecision(tx, caller, state, hold(state, by(caller, tx)), 'stopped');
}

/** The receiver lost sight of it: no referral is left stranded. */
async function sharingWithdrawn(tx: Tx, caller: Caller, { state }: StoredReferral, sharing: SharingFacts): Promise<void> {
  if (reaches(state, sharing) || !state.recipients.some((partner) => sharing.lost.includes(partner))) return;
  await writeDecision(tx, caller, state, decide(state, 'cancel-by-baton', {}, by(caller, tx)), 'stopped');
}

const by = (caller: Caller, tx: Tx): Circumstances => ({ by: caller.partner, now: tx.now });

/** Writes what Baton decided by itself: the row, the resources that show it, the event, their audit. */
async function writeDecision(tx: Tx, caller: Caller, before: Referral, decided: Result<Decision>, acknowledgement: Acknowledgement): Promise<void> {
  if (!decided.ok) throw new Error(`Baton decided what the table does not hold: ${decided.violations.map((violation) => violation.rule).join(', ')}`);
  const { referral, event } = decided.value;
  const reason = referral.reason === 'consent-withdrawn' ? batonsReason('consent-withdrawn') : undefined;
  const puts = await Promise.all([
    taskAlong(tx, caller, referral),
    ...(referral.serviceRequestVersion === before.serviceRequestVersion ? [] : [requestAlong(tx, caller, referral, reason)]),
  ]);
  await write(tx, 'referrals', caller, { puts, rows: { referral: updateReferral(referral, acknowledgement) }, events: [event], audit: puts.map(auditAlong), answer: undefined });
}
