import type { LawfulBasis } from '@baton/contracts';
import { judge, type Cell, type Verdict } from './conflict.js';
import { IMPLIED, type Stand } from './decision.js';

/** What consent knows of one referral, and how it decided: enough to decide again. One aggregate, key = referral. */
export interface Sharing {
  readonly referral: string;
  /** 0: not announced yet. Grows by 1 with each event. */
  readonly version: number;
  readonly state: 'undecided' | 'allowed' | 'refused' | 'withdrawn';
  /** Patient of the referrer. */
  readonly patient: string;
  readonly referrer: string;
  /** HealthcareService id. */
  readonly service: string;
  /** Partners that act for the service: provider first. */
  readonly recipients: readonly string[];
  /** Resources of the referrer that the referral names (`Type/id`). */
  readonly named: readonly string[];
  /** Who may know of the referral. */
  readonly allowed: readonly string[];
  /** The decision that settled it, and its basis. */
  readonly decision?: string;
  readonly basis?: LawfulBasis;
  /** Id under which implied consent for this referral is recorded. */
  readonly implied: string;
  /** The referral has ended: nobody gains access any more, who has it keeps it. */
  readonly closed: boolean;
}

/** What consent knows at one moment, beside the decisions. */
export interface Facts {
  readonly now: Date;
  /** Patients of the person. */
  readonly patients: readonly string[];
  /** Resources that exist, to open one by one where an exception cuts a category. */
  readonly items: readonly KnownItem[];
}

export interface KnownItem {
  /** `Type/id`. */
  readonly item: string;
  readonly patient: string;
  readonly owner: string;
  readonly category: string;
  readonly context: string | null;
}

/** Implied consent for direct care, as it stands for the cells of one referral. */
export const impliedStand = (sharing: Sharing, owner: string): Stand => ({
  decision: sharing.implied,
  basis: 'implied-direct-care',
  purpose: 'TREAT',
  effect: 'permit',
  force: IMPLIED,
  patient: sharing.patient,
  owner,
  recipients: sharing.recipients,
  scope: { kind: 'record' },
  context: sharing.referral,
  at: new Date(0),
  sweeping: false,
  ended: false,
});

/** Partners that act for the service and are not the referrer itself, which needs nobody's leave for its own. */
export const othersOf = (sharing: Pick<Sharing, 'recipients' | 'referrer'>): string[] => sharing.recipients.filter((partner) => partner !== sharing.referrer);

/**
 * Whom a referral may be opened to at all: who acts for the service; once it has ended, who knows of it; nobody after
 * a withdrawal, which ends the referral.
 */
export const candidatesOf = (sharing: Sharing): readonly string[] => (sharing.state === 'withdrawn' ? [] : sharing.closed ? sharing.allowed : sharing.recipients);

/**
 * May this partner know of the referral? Only if it may see the referral itself and the young person it is about: either
 * without the other tells it nothing, or too much.
 *
 * @returns the verdict on the referral; without `by` where it must not
 */
export function mayKnow(sharing: Sharing, recipient: string, stands: readonly Stand[], at: Date): Verdict {
  const { patient, referrer: owner, referral } = sharing;
  const implied = impliedStand(sharing, owner);
  const person: Cell = { patient, owner, recipient, category: 'demographics', item: `Patient/${patient}`, context: null };
  const request: Cell = { patient, owner, recipient, category: 'referral', item: `ServiceRequest/${referral}`, context: referral };
  const seen = judge(person, stands, at, implied);
  return seen.by ? judge(request, stands, at, implied) : seen;
}
