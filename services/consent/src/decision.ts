import { RESOURCE_TYPES, type LawfulBasis } from '@baton/contracts';

/** What a decision can open or refuse. */
export const OPENABLE = ['demographics', 'referral', 'episode', 'contact', 'plan', 'alert', 'measure'] as const;
export type Openable = (typeof OPENABLE)[number];

/** What a decision is about: everything, categories, or single resources (`Type/id`). */
export type Scope =
  | { readonly kind: 'record' }
  | { readonly kind: 'categories'; readonly categories: readonly Openable[] }
  | { readonly kind: 'items'; readonly items: readonly string[] };

/** A decision about who may see or receive what of a young person, in the words of domain §7. */
export interface Decision {
  /** Consent id; for implied consent, the id of the row that records it. */
  readonly id: string;
  /** Patient it was recorded for. A permission opens what is recorded of this Patient; a refusal binds every Patient of the person. */
  readonly patient: string;
  /** Partner that recorded it. */
  readonly recorder: string;
  readonly effect: 'permit' | 'deny';
  /** Partner ids; services are resolved to their provider and delivery partners. */
  readonly recipients: readonly string[] | 'everyone-but-owner';
  readonly scope: Scope;
  /** Only within this referral (ServiceRequest id). */
  readonly context?: string;
  /** What a permission leaves out. */
  readonly withheld: readonly Scope[];
  /** Purpose of use, v3-ActReason: TREAT, or BTG for break glass. */
  readonly purpose: string;
  readonly basis: LawfulBasis;
  /** How it was settled who may decide; a code of CAPACITY. */
  readonly capacity?: string;
  /** A reason and the person who answers for it are on record: what an override of a refusal must have. */
  readonly justified: boolean;
  /** When it was decided, which is not when Baton heard of it. */
  readonly dateTime: Date;
  /** First instant it holds; since ever if left out. */
  readonly from?: Date;
  /** First instant it no longer holds. */
  readonly until?: Date;
  readonly status: 'active' | 'inactive' | 'entered-in-error';
  /** When it was withdrawn (`inactive`). */
  readonly withdrawnAt?: Date;
  /** Patients it bound once as those of the same person: a refusal goes on to bind what was decided for them, also after an unlink. */
  readonly reach: readonly string[];
}

/** Bases that open what all partners own, and override a refusal if they are justified. */
const OVERRIDING: ReadonlySet<LawfulBasis> = new Set<LawfulBasis>(['safeguarding-public-interest', 'safeguarding-16la', 'court-order', 'break-glass']);
export const overrides = (basis: LawfulBasis): boolean => OVERRIDING.has(basis);

/** Weights before all else: implied consent, a decision somebody took, an override of refusals. */
export const IMPLIED = 0;
export const EXPLICIT = 1;
export const OVERRIDE = 2;

/**
 * One thing a decision says: a permission and each of its exceptions are separate stands, and a withdrawn
 * permission stands as a refusal. Conflicts are settled among stands.
 */
export interface Stand {
  readonly decision: string;
  readonly basis: LawfulBasis;
  readonly purpose: string;
  readonly effect: 'permit' | 'deny';
  readonly force: typeof IMPLIED | typeof EXPLICIT | typeof OVERRIDE;
  readonly patient: string;
  /** Set for a decision of another person by now: it binds these Patients only, and implied consent is judged without it. */
  readonly onlyFor?: readonly string[] | undefined;
  /** Only what this partner owns; null: what anybody owns. */
  readonly owner: string | null;
  readonly recipients: Decision['recipients'];
  readonly scope: Scope;
  readonly context?: string | undefined;
  /** The instant that says which is later. */
  readonly at: Date;
  readonly from?: Date | undefined;
  readonly until?: Date | undefined;
  /** A refusal of the whole record: no earlier permission prevails over it, however specific. */
  readonly sweeping: boolean;
  /** An exception of an override: it bounds that override, and refuses nothing that others permit. */
  readonly bounding?: boolean;
  /** Taken back: it opens and refuses nothing, but what it superseded does not come back. */
  readonly ended: boolean;
}

/**
 * What a decision says, one stand for each. Nothing, if it was recorded in error.
 *
 * @param patients Patients of the person that is judged
 */
export function standsOf(decision: Decision, patients: ReadonlySet<string>): Stand[] {
  if (decision.status === 'entered-in-error') return [];
  const { id, basis, purpose, patient, recorder, scope, context, from, until, dateTime } = decision;
  const all = overrides(basis);
  const force = all ? (decision.justified ? OVERRIDE : IMPLIED) : basis === 'implied-direct-care' ? IMPLIED : EXPLICIT;
  // Nobody opens to itself what others own; break glass does just that, and is looked at afterwards.
  const recipients = all && basis !== 'break-glass' && decision.effect === 'permit' && decision.recipients !== 'everyone-but-owner' ? decision.recipients.filter((partner) => partner !== recorder) : decision.recipients;
  const common = { decision: id, basis, purpose, patient, onlyFor: patients.has(patient) ? undefined : decision.reach, recipients, context, sweeping: false };
  const permit: Stand = { ...common, effect: 'permit', force, owner: all ? null : recorder, scope, at: dateTime, from, until, ended: decision.status !== 'active' };
  const refusal: Stand = { ...permit, effect: 'deny', force: force === OVERRIDE ? OVERRIDE : EXPLICIT };
  if (decision.effect === 'deny') return [{ ...refusal, owner: null, sweeping: scope.kind === 'record' && context === undefined }];
  const withheld = decision.withheld.map((except): Stand => ({ ...refusal, scope: except, ended: false, bounding: all }));
  // Implied consent reaches referrals alone, an override without its reasons nothing; and nobody opens anything to everyone.
  const opening = force > IMPLIED && recipients !== 'everyone-but-owner' ? [permit] : [];
  if (decision.status === 'active') return [...opening, ...withheld];
  if (all) return opening;
  // Who takes back a permission says no; that a reason to override has passed is no refusal.
  return [{ ...refusal, ended: false }, ...withheld].map((no) => ({ ...no, at: decision.withdrawnAt ?? dateTime, from: undefined, until: undefined }));
}

/** The category of `Type/id`, or nothing if no decision opens its type. */
export function categoryOfItem(item: string): Openable | undefined {
  const type = item.split('/')[0]!;
  const category = Object.hasOwn(RESOURCE_TYPES, type) ? RESOURCE_TYPES[type as keyof typeof RESOURCE_TYPES].category : undefined;
  return OPENABLE.find((each) => each === category);
}

/** Does the stand hold at this instant? */
export const holds = (stand: Stand, at: Date): boolean => !stand.ended && (!stand.from || stand.from <= at) && (!stand.until || at < stand.until);
