import type { NhsNumberStatus } from '@baton/contracts';

/**
 * When are two Patients of different partners one person? (domain §2.) A wrong link shows refusals where they do not
 * belong, a missing one hides them where they do: so only what was traced links by itself, and somebody looks at the rest.
 */

/** What a Patient says of who it is, as far as it counts here. */
export interface Identity {
  /** NHS numbers in use that pass modulus 11, each once. */
  readonly nhsNumbers: readonly string[];
  /** Verification status that comes with the number; absent where it says none. */
  readonly status?: NhsNumberStatus;
  /** FHIR date: `YYYY-MM-DD`, or less exact. */
  readonly birthDate?: string;
}

/** What a Patient is looked up by. */
export interface Claim {
  /** The NHS number, or the digest that stands for it. */
  readonly number: string;
  readonly birthDate: string | undefined;
  /** The number was traced, and the birth date is whole: equal claims are one person. */
  readonly verified: boolean;
}

/**
 * The claim a Patient makes, or nothing if it has no number: then it is a person of its own and there is nobody to
 * compare it with.
 *
 * @param trusted the partner's pathway trusts it to trace numbers: no status then counts as verified
 */
export function claimOf(identity: Identity, trusted: boolean): Claim | undefined {
  const [number, ...others] = identity.nhsNumbers;
  if (number === undefined) return undefined;
  const traced = identity.status === undefined ? trusted : identity.status === '01';
  // Of several numbers in use at most one is right, and nobody here knows which.
  const verified = traced && others.length === 0 && identity.birthDate?.length === WHOLE_DATE;
  return { number, birthDate: identity.birthDate, verified };
}

const WHOLE_DATE = 'YYYY-MM-DD'.length;

/** Are they one person by the rule alone? */
export const samePerson = (one: Claim | undefined, other: Claim | undefined): boolean =>
  one !== undefined && other !== undefined && one.verified && other.verified && one.number === other.number && one.birthDate === other.birthDate;

/** Why a pair with one NHS number and two persons is to be looked at. */
export type ReviewReason = 'birth-date-differs' | 'not-verified';

/** Why a pair should be looked at; nothing if they are one person, or have no number in common. */
export function reviewOf(one: Claim | undefined, other: Claim | undefined): ReviewReason | undefined {
  if (one === undefined || other === undefined || one.number !== other.number || samePerson(one, other)) return undefined;
  return one.verified && other.verified ? 'birth-date-differs' : 'not-verified';
}

/** What happens to the person of a Patient whose claim changes. */
export type PersonMove =
  /** Nothing it is found by has changed. */
  | 'stay'
  /** It was found by nobody until now: who has the key it turns to, or it keeps its own person and takes the key with it. */
  | 'join'
  /** It leaves the key it was found by: who has the new key, or a person made for it. */
  | 'change'
  /** It leaves the key it was found by, for a person of its own. */
  | 'leave';

/** @param before the claim its present person was found by @param after the claim it makes now */
export function moveOf(before: Claim | undefined, after: Claim | undefined): PersonMove {
  if (samePerson(before, after)) return 'stay';
  if (after?.verified) return before?.verified ? 'change' : 'join';
  return before?.verified ? 'leave' : 'stay';
}
