import type { NewEvent } from '@baton/contracts';
import type { Violation } from '@baton/kernel';

/** Which events a type of record has: `baton.episodes.<aggregate>-recorded.v1`, `…-amended.v1`. */
export const AGGREGATES = { Encounter: 'contact', CarePlan: 'care-plan', Flag: 'alert', Observation: 'measure' } as const;
export type RecordType = keyof typeof AGGREGATES;

/** What is announced of a record. */
export interface RecordFact {
  readonly type: RecordType;
  readonly id: string;
  readonly version: number;
  readonly patient: string;
  readonly owner: string;
  readonly referral: string | undefined;
  /** FHIR status, or `deleted`. */
  readonly status: string | undefined;
}

/** The event of a record; version 1 was recorded, later ones amend it. */
export function recordEvent({ type, id, version, patient, owner, referral, status }: RecordFact): NewEvent {
  const resource = `${type}/${id}`;
  return {
    type: `baton.episodes.${AGGREGATES[type]}-${version === 1 ? 'recorded' : 'amended'}.v1`,
    key: id,
    version,
    data: { resource, patient, owner, ...(referral === undefined ? {} : { referral }), ...(status === undefined ? {} : { status }), dataref: `${resource}/_history/${version}` },
  };
}

/** What an amendment may not change: what was recorded in error stays so, and a record stays with its referral. */
export function amendmentFaults(type: RecordType, before: { status: unknown; referral: string | undefined }, after: { status: unknown; referral: string | undefined }): Violation[] {
  return [
    ...(before.status === 'entered-in-error' && after.status !== 'entered-in-error'
      ? [{ rule: 'transition-not-allowed', says: 'What was entered in error stays so: record it anew.', at: [`${type}.status`], code: 'business-rule' }]
      : []),
    ...(before.referral !== undefined && before.referral !== after.referral
      ? [{ rule: 'referral-never-changes', says: 'A record stays with the referral it was made for: mark it entered-in-error and record it anew.', at: [type], code: 'business-rule' }]
      : []),
  ];
}
