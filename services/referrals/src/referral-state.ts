import type { BusinessStatus, DischargeContent, FhirPriority } from '@baton/contracts';
import { BATON } from '@baton/kernel';
import type { SetBy, TaskStatus } from './transitions.js';

/** The wait of someone who is eligible while the service is full. */
export interface Wait {
  /** Referrals before this one. */
  readonly ahead: number;
  /** Days until there is room, as far as the provider says. */
  readonly expectedDays?: number;
}

/** A referral: one ServiceRequest and its Task, which change together and carry one version. */
export interface Referral {
  /** ServiceRequest id; the aggregate's id. */
  readonly id: string;
  readonly task: string;
  readonly patient: string;
  /** Partner that refers, owns both resources, and created them. */
  readonly referrer: string;
  /** HealthcareService id. */
  readonly service: string;
  /** Partners that act for the service: its provider and delivery partners. */
  readonly recipients: readonly string[];
  readonly priority: FhirPriority;
  readonly pathway: { readonly id: string; readonly version: string };
  /** References to what the referrer names: flags, plans … */
  readonly named: readonly string[];
  readonly status: TaskStatus;
  /** Waits for a basis to share; only while requested. */
  readonly held: boolean;
  readonly waiting?: Wait;
  /** Coded reason of the present status. */
  readonly reason?: string;
  /** Day a pause is looked at again, `YYYY-MM-DD`. */
  readonly reviewDate?: string;
  /** Coded outcome of a completed referral. */
  readonly outcome?: string;
  /** HealthcareService id of where to go instead, told with a rejection. */
  readonly instead?: string;
  /** EpisodeOfCare id, fixed at acceptance. */
  readonly episode?: string;
  /** Instant it was found that nobody had received it in time. */
  readonly unacknowledgedAt?: string;
  /** Aggregate version (grows by 1 with each event) and `meta.versionId` of the two resources. */
  readonly version: number;
  readonly serviceRequestVersion: number;
  readonly taskVersion: number;
}

/** Why a status changes; which of it is needed says the table of transitions. */
export interface Grounds {
  readonly reason?: string | undefined;
  readonly reviewDate?: string | undefined;
  readonly outcome?: string | undefined;
  readonly instead?: string | undefined;
}

/** What is known from elsewhere when a change is decided. */
export interface Circumstances {
  /** Partner that asks; `baton` for Baton itself. */
  readonly by: string;
  /** The decision's instant. */
  readonly now: Date;
  /** accept: the id the episode will have. */
  readonly episode?: string | undefined;
  /** start: a contact that names the referral is booked or made. */
  readonly hasContact?: boolean | undefined;
  /** complete: what the pathway demands of a discharge, and what is there. */
  readonly demanded?: readonly DischargeContent[] | undefined;
  readonly present?: readonly DischargeContent[] | undefined;
}

/** Task.businessStatus: why a referral that nobody took up has not moved. */
export const businessStatus = (referral: Referral): BusinessStatus | undefined =>
  referral.held ? 'held-for-consent' : referral.waiting && (referral.status === 'requested' || referral.status === 'received') ? 'waiting' : undefined;

/** What a partner is in this referral; nothing for anybody else. */
export function rolesOf(referral: Pick<Referral, 'referrer' | 'recipients'>, partner: string): ReadonlySet<SetBy> {
  if (partner === BATON) return new Set<SetBy>(['baton']);
  return new Set<SetBy>([...(partner === referral.referrer ? (['referrer', 'creator'] as const) : []), ...(referral.recipients.includes(partner) ? (['receiver'] as const) : [])]);
}
