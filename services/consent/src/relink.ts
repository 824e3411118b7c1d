import type { Change } from '@baton/fhir-store';
import type { Fragment, Tx } from '@baton/postgres';
import { outcomeOf } from './judgement.store.js';
import { lockPersons, personState } from './person.store.js';

/** A Patient that turns out to be another person than it was taken for. */
export interface PersonChange {
  readonly patient: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Takes the locks of both persons. To be called before the directory decides on the change: from then on nobody decides on
 * either until the transaction ends.
 */
export const lockForRelink = (tx: Tx, { from, to }: Pick<PersonChange, 'from' | 'to'>): Promise<void> => lockPersons(tx, [from, to]);

/**
 * Consent's part of a change of person (design §4, "Persons"), in the transaction of the Patient's write and after it: the
 * refusals of both sides apply from its commit on. It only takes away; who loses sight of a referral is announced. An unlink restores
 * nothing: a refusal goes on to bind permissions it has bound. The referrals of both are decided anew at once by the worker, which may also give.
 *
 * @returns what is to be written as consent (`write(tx, 'consent', caller, change)` under its role)
 */
export async function relink(tx: Tx, { patient, from, to }: PersonChange): Promise<Change<undefined>> {
  // In one flight, in this order: what is read is read once the locks are held.
  const [, rest, joined] = await Promise.all([lockForRelink(tx, { from, to }), personState(tx, { person: from }), personState(tx, { person: to })]);
  const outcomes = [rest, joined].map((state, i) => outcomeOf(state, { onlyNarrow: true }, `_${i}`));
  const rows = Object.fromEntries(outcomes.flatMap((outcome) => Object.entries(outcome.rows)));
  return { puts: [], rows: { ...rows, reach: reach([...new Set([...rest.facts.patients, patient])], joined.facts.patients) }, events: outcomes.flatMap(({ events }) => events), audit: [], answer: undefined };
}

/** Decisions of each group have bound all Patients of the group. */
const reach = (before: readonly string[], after: readonly string[]): Fragment => ({
  sql: `UPDATE consent.decision d SET reach = ARRAY(
      SELECT DISTINCT other FROM unnest(d.reach || CASE WHEN d.patient = ANY($1::text[]) THEN $1::text[] ELSE '{}' END || CASE WHEN d.patient = ANY($2::text[]) THEN $2::text[] ELSE '{}' END) AS other
      WHERE other <> d.patient ORDER BY other)
    WHERE d.patient = ANY($1::text[] || $2::text[]) AND d.referral IS NULL`,
  values: [before, after],
});
