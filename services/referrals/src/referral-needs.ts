import { DISCHARGE_CONTENT } from '@baton/contracts';
import { londonDay, type Violation } from '@baton/kernel';
import type { Circumstances, Grounds, Referral } from './referral-state.js';
import type { Need } from './transitions.js';

const lacks = (rule: string, says: string, at: string): Violation => ({ rule, says, at: [at], code: 'required' });

/** What a transition needs and does not have. */
export function missing(need: Need, referral: Referral, grounds: Grounds, circumstances: Circumstances): Violation[] {
  switch (need) {
    case 'sharing':
      return referral.held ? [{ rule: 'referral-held', says: 'The referral is requested and held: there is no basis to share it with its receiver.', at: ['Task.businessStatus'], code: 'business-rule' }] : [];
    case 'reason':
      return reasonFaults(grounds.reason);
    case 'review-date':
      return reviewDateFaults(grounds.reviewDate, londonDay(circumstances.now));
    case 'contact':
      return circumstances.hasContact ? [] : [lacks('contact-missing', 'Work starts with a first contact, booked or made: record an Encounter that is based on the referral.', 'Task.status')];
    case 'outcome':
      return grounds.outcome ? [] : [lacks('outcome-missing', 'A referral is completed with an outcome.', 'Task.output')];
    case 'discharge-content': {
      const present = new Set([...(circumstances.present ?? []), ...(grounds.outcome ? (['outcome'] as const) : [])]);
      return (circumstances.demanded ?? [])
        .filter((content) => content !== 'outcome' && !present.has(content))
        .map((content) => lacks(`${content}-missing`, `The pathway demands: ${DISCHARGE_CONTENT.codes[content].toLowerCase()}.`, 'Task.output'));
    }
  }
}

function reasonFaults(reason: string | undefined): Violation[] {
  if (!reason) return [lacks('reason-missing', 'This needs a coded reason.', 'Task.statusReason')];
  if (reason === 'consent-withdrawn') return [{ rule: 'reason-reserved', says: 'Only Baton gives the reason consent-withdrawn.', at: ['Task.statusReason'], code: 'business-rule' }];
  return [];
}

function reviewDateFaults(reviewDate: string | undefined, today: string): Violation[] {
  const at = 'Task.extension(review-date)';
  if (!reviewDate) return [lacks('review-date-missing', 'A pause has a day on which it is looked at again.', at)];
  return reviewDate < today ? [{ rule: 'review-date-past', says: 'The review date of a pause is today or later.', at: [at], code: 'business-rule' }] : [];
}
