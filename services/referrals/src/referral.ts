import type { NewEvent, ReferralFacts } from '@baton/contracts';
import { BATON, broken, ok, type Result, type Violation } from '@baton/kernel';
import { missing } from './referral-needs.js';
import { businessStatus, rolesOf, type Circumstances, type Grounds, type Referral } from './referral-state.js';
import { FIRST, isOpen, serviceRequestStatus, transition, transitionsFrom, type SetBy, type Transition, type TransitionName } from './transitions.js';

/** The new state and the event that announces it: always stored together. */
export interface Decision {
  readonly referral: Referral;
  readonly event: NewEvent;
}

/** What a partner says of an open referral, and may change. */
export type Amendment = Partial<Pick<Referral, 'priority' | 'named'>>;

export type NewReferral = Pick<Referral, 'id' | 'task' | 'patient' | 'referrer' | 'service' | 'recipients' | 'priority' | 'pathway' | 'named' | 'waiting'>;

/** The first state of a referral that was judged eligible: version 1, `requested`. */
export const request = (asked: NewReferral): Decision => announce('referral-requested', { ...asked, status: FIRST, held: false, version: 1, serviceRequestVersion: 1, taskVersion: 1 });

/**
 * Moves the referral on by one line of the table.
 * @returns the new state with its event, or every reason against it; each names the present state and what it allows
 */
export function decide(referral: Referral, name: TransitionName, grounds: Grounds, circumstances: Circumstances): Result<Decision> {
  const line = transition(name);
  if (!line.from.includes(referral.status)) return broken(notAllowed(referral, line.to));
  const violations = [
    ...(rolesOf(referral, circumstances.by).has(line.by) ? [] : [notYours(referral, line)]),
    ...line.needs.flatMap((need) => missing(need, referral, grounds, circumstances)),
  ];
  const [first, ...more] = violations;
  if (first) return broken(first, ...more);
  return ok(announce(line.event, moved(referral, line, grounds, circumstances)));
}

function moved(referral: Referral, line: Transition, grounds: Grounds, circumstances: Circumstances): Referral {
  // A reason, review date or outcome belongs to the status it was given with.
  const { reason: _reason, reviewDate: _reviewDate, outcome: _outcome, waiting, ...rest } = referral;
  const reason = line.name === 'cancel-by-baton' ? 'consent-withdrawn' : grounds.reason;
  return {
    ...rest,
    status: line.to,
    held: false,
    ...(waiting && line.to === 'received' ? { waiting } : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(line.name === 'put-on-hold' && grounds.reviewDate !== undefined ? { reviewDate: grounds.reviewDate } : {}),
    ...(line.name === 'complete' && grounds.outcome !== undefined ? { outcome: grounds.outcome } : {}),
    ...(line.name === 'reject' && grounds.instead !== undefined ? { instead: grounds.instead } : {}),
    ...(line.name === 'accept' && circumstances.episode !== undefined ? { episode: circumstances.episode } : {}),
    version: referral.version + 1,
    taskVersion: referral.taskVersion + 1,
    serviceRequestVersion: referral.serviceRequestVersion + (serviceRequestStatus(line.to) === serviceRequestStatus(referral.status) ? 0 : 1),
  };
}

/** The referrer changes what an open referral says; patient and service never change. */
export function amend(referral: Referral, amendment: Amendment, circumstances: Circumstances): Result<Decision> {
  const violations = [
    ...(isOpen(referral.status) ? [] : [rule('referral-closed', `The referral is ${referral.status}; only an open one can be amended.`, 'ServiceRequest.status')]),
    ...(circumstances.by === referral.referrer ? [] : [rule('not-yours-to-amend', 'Only the referrer amends a referral.', 'ServiceRequest')]),
  ];
  const [first, ...more] = violations;
  if (first) return broken(first, ...more);
  return ok(announce('referral-amended', { ...referral, ...amendment, version: referral.version + 1, serviceRequestVersion: referral.serviceRequestVersion + 1 }));
}

/** Baton holds a requested referral: there is no basis to share it. */
export function hold(referral: Referral, circumstances: Circumstances): Result<Decision> {
  return byBaton(referral, circumstances, 'held', !referral.held, () => announce('referral-held', { ...referral, held: true, version: referral.version + 1, taskVersion: referral.taskVersion + 1 }));
}

/** Baton releases a held referral: a basis to share it was found. */
export function release(referral: Referral, circumstances: Circumstances): Result<Decision> {
  return byBaton(referral, circumstances, 'released', referral.held, () => announce('referral-released', { ...referral, held: false, version: referral.version + 1, taskVersion: referral.taskVersion + 1 }));
}

/**
 * Baton finds that nobody received the referral within the allowance; once, and never of a held one. The resources stay
 * as they are, so that an acceptance in flight is not refused as stale.
 * @param undecided consent gave no verdict in that time
 */
export function raiseUnacknowledged(referral: Referral, undecided: boolean, circumstances: Circumstances): Result<Decision> {
  return byBaton(referral, circumstances, 'found unacknowledged', !referral.held && referral.unacknowledgedAt === undefined, () =>
    announce('referral-unacknowledged', { ...referral, unacknowledgedAt: circumstances.now.toISOString(), version: referral.version + 1 }, undecided ? { reason: 'undecided' } : {}),
  );
}

function byBaton(referral: Referral, circumstances: Circumstances, what: string, may: boolean, then: () => Decision): Result<Decision> {
  if (circumstances.by !== BATON) return broken(rule('not-yours-to-set', `Only Baton says that a referral is ${what}.`, 'Task.businessStatus'));
  if (referral.status !== 'requested' || !may) {
    const present = [referral.status, ...(referral.held ? ['held'] : []), ...(referral.unacknowledgedAt === undefined ? [] : ['found unacknowledged'])].join(', ');
    return broken(rule('transition-not-allowed', `The referral is ${present}; it cannot be ${what} now.`, 'Task.businessStatus'));
  }
  return ok(then());
}

/** The refusal of a status that the present one does not lead to. */
export const notAllowed = (referral: Referral, to: string): Violation =>
  rule('transition-not-allowed', `The referral is ${referral.status} and cannot become ${to}. ${whatIsAllowed(referral)}`, 'Task.status');

const notYours = (referral: Referral, line: Transition): Violation =>
  rule('not-yours-to-set', `${line.to} is set by the ${line.by === 'creator' ? 'referrer' : line.by}. ${whatIsAllowed(referral)}`, 'Task.status');

function whatIsAllowed(referral: Referral): string {
  const lines = transitionsFrom(referral.status).filter((line) => line.by !== 'baton');
  const of = (...by: SetBy[]) => lines.filter((line) => by.includes(line.by)).map((line) => line.to);
  const parts = [
    { who: 'the receiver', may: of('receiver') },
    { who: 'the referrer', may: of('referrer', 'creator') },
  ].filter((part) => part.may.length > 0);
  return parts.length === 0 ? `Nothing follows ${referral.status}.` : `From ${referral.status}, ${parts.map((part) => `${part.who} may set ${part.may.join(', ')}`).join('; ')}.`;
}

const rule = (name: string, says: string, at: string): Violation => ({ rule: name, says, at: [at], code: 'business-rule' });

function announce(event: string, referral: Referral, more: Partial<ReferralFacts> = {}): Decision {
  const business = businessStatus(referral);
  const data: ReferralFacts = {
    referral: referral.id,
    task: referral.task,
    patient: referral.patient,
    referrer: referral.referrer,
    service: referral.service,
    recipients: [...referral.recipients],
    status: referral.status,
    ...(business === undefined ? {} : { businessStatus: business }),
    ...(referral.reason === undefined ? {} : { reason: referral.reason }),
    priority: referral.priority,
    pathway: { ...referral.pathway },
    named: [...referral.named],
    ...(referral.episode === undefined ? {} : { episode: referral.episode }),
    dataref: `ServiceRequest/${referral.id}/_history/${referral.serviceRequestVersion}`,
    taskref: `Task/${referral.task}/_history/${referral.taskVersion}`,
    ...more,
  };
  return { referral, event: { type: `baton.referrals.${event}.v1`, key: referral.id, version: referral.version, data } };
}
