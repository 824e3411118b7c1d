import type { BatonEvent, ReferralFacts } from '@baton/contracts';
import { judge, type Answer, type Verdict } from './delivery.js';

/**
 * What the sender of a referral message is told, by event: the decisions of the service, and those of Baton that the sender must know of
 * (standards §3). What the sender did itself was answered at once.
 */
const TOLD: Readonly<Record<string, string>> = {
  'baton.referrals.referral-accepted.v1': 'The service takes the young person on.',
  'baton.referrals.referral-rejected.v1': 'The service does not take the young person on; the Task says why.',
  'baton.referrals.referral-started.v1': 'The service has begun its work with the young person.',
  'baton.referrals.referral-put-on-hold.v1': 'The service has paused; the Task says why, and when it is looked at again.',
  'baton.referrals.referral-resumed.v1': 'The service goes on with its work.',
  'baton.referrals.referral-completed.v1': 'The service has ended its work; the Task says what came of it.',
  'baton.referrals.referral-failed.v1': 'The service has ended its work without its aim; the Task says why.',
  'baton.referrals.referral-cancelled.v1': 'The referral was cancelled: there is no basis any more to share it with the service.',
  'baton.referrals.referral-held.v1': 'There is no basis to share the referral with the service: it is held, and nobody there knows of it.',
  'baton.referrals.referral-released.v1': 'A basis was found to share the referral: the service knows of it now.',
  'baton.referrals.referral-unacknowledged.v1': 'Nobody at the service has received the referral in time: ring the service.',
};

/** Events that may be told to the sender of a message. */
export const MESSAGE_EVENTS = Object.keys(TOLD);

/** The sentence of an event. */
export const sentenceOf = (event: string): string => TOLD[event] ?? '';

/** A decision to be told. */
export interface Decided {
  readonly referral: string;
  readonly version: number;
  readonly event: string;
  /** References, the ServiceRequest first. */
  readonly refs: readonly string[];
  readonly patient: string;
  readonly urgent: boolean;
  readonly occurred: string;
}

/** What an event means for the sender of the referral's message, or nothing if it was the sender's own doing. */
export function decidedBy(event: BatonEvent): Decided | undefined {
  if (TOLD[event.type] === undefined) return undefined;
  const facts = event.data as ReferralFacts;
  if (event.type.includes('.referral-cancelled.') && facts.reason !== 'consent-withdrawn') return undefined;
  const service = event.type.includes('.referral-unacknowledged.') ? [`HealthcareService/${facts.service}`] : [];
  return {
    referral: facts.referral,
    version: event.version,
    event: event.type,
    refs: [`ServiceRequest/${facts.referral}`, `Task/${facts.task}`, ...service],
    patient: facts.patient,
    urgent: facts.priority === 'stat' || facts.priority === 'asap',
    occurred: event.time,
  };
}

/**
 * What an answer to a message means. A retry that is answered 409 was taken before: the receiver knows the message again by its
 * ids (BaRS: `REC_CONFLICT`, duplicate).
 *
 * @param attempts made before this one
 */
export function judgeMessage(answer: Answer, attempts: number): Exclude<Verdict, 'gone'> {
  if (answer.status === 409 && attempts > 0) return 'delivered';
  const verdict = judge(answer);
  return verdict === 'gone' ? 'parked' : verdict;
}
