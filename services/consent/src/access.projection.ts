import { batonActs, crashPoint, newEventId } from '@baton/kernel';
import { statement, type Database, type Projection, type Slice } from '@baton/postgres';
import { judgeAgain } from './consent.consumer.js';
import { accessDifference } from './judgement.store.js';
import { lockedState } from './person.store.js';

const PATIENTS_AT_ONCE = 100;

// Whoever anything was decided about, or may be seen. Each part walks along an index; decisions that reach across persons are few.
const part = (from: string): string => `(SELECT DISTINCT patient FROM ${from} AND patient > $1 ORDER BY patient LIMIT ${PATIENTS_AT_ONCE})`;
const PATIENTS_AFTER = statement(`
  SELECT patient FROM (
    ${part('consent.decision WHERE referral IS NULL')} UNION ${part('consent.sharing WHERE true')} UNION ${part('consent.access WHERE true')}
    UNION ${part(`(SELECT unnest(reach) AS patient FROM consent.decision WHERE reach <> '{}') AS bound WHERE true`)}) AS known
  ORDER BY patient LIMIT ${PATIENTS_AT_ONCE}`);

/**
 * Who may see what (`consent.access`), derived again from decisions, referrals, persons and the pathway: each person under the lock that every
 * decision on them takes, so that a withdrawal comes before or after and never in between.
 */
export const accessProjection: Projection = {
  name: 'access',
  async *rebuild(database, mend) {
    const judged = new Set<string>();
    for (let last = ''; ; ) {
      const patients = (await database.query<{ patient: string }>(PATIENTS_AFTER, [last])).map(({ patient }) => patient);
      if (patients.length === 0) return;
      for (const patient of patients) yield await judge(database, patient, mend, judged);
      last = patients.at(-1)!;
    }
  },
};

/** @param judged persons of several Patients who were judged before */
async function judge(database: Database, patient: string, mend: boolean, judged: Set<string>): Promise<Slice> {
  const id = newEventId();
  const { person, patients, looked, missing, surplus } = await database.transaction(async (tx) => {
    const state = await lockedState(tx, patient);
    const who = { person: state.person, patients: state.facts.patients };
    if (judged.has(state.person)) return { ...who, looked: 0, missing: 0, surplus: 0 };
    const { fresh, gone } = accessDifference(state);
    if (mend && fresh.length + gone.length > 0) {
      await judgeAgain(tx, batonActs({ requestId: id, correlationId: id }), state, {});
      crashPoint('rebuild.person-judged');
    }
    return { ...who, looked: 1, missing: fresh.length, surplus: gone.length };
  });
  if (patients.length > 1) judged.add(person);
  return { looked, missing, surplus };
}
