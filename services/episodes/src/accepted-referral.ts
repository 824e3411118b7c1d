import { TASK_OUTPUT } from '@baton/contracts';
import { idOf, type Task } from '@baton/fhir';
import { contentOf, read, referralRows, type StoredRow } from '@baton/fhir-store';
import { refuse, type Caller } from '@baton/kernel';
import { statement, type Reader, type Tx } from '@baton/postgres';
import type { Episode } from './episode.js';

/** A referral that a record names, seen by who records it. */
export interface NamedReferral {
  readonly id: string;
  /** Patient id, as the referrer knows the young person. */
  readonly patient: string;
}

/**
 * The referral a record belongs to, if the caller sees both the referral and the record's subject. Where one of them is
 * hidden there is nothing to say yet: the statement that writes refuses the reference, as it refuses one that never was.
 *
 * @throws Refused if the record is about another young person than the referral, as far as Baton knows who is who
 */
export async function namedReferral(tx: Tx, caller: Caller, referral: string, subject: string, at: string): Promise<NamedReferral | undefined> {
  const [request, patient] = await Promise.all([read(tx, caller, 'ServiceRequest', referral), read(tx, caller, 'Patient', subject)]);
  if (!request || request.deleted || request.patient === null || !patient || patient.deleted) return undefined;
  if (request.patient !== subject && !(await onePerson(tx, request.patient, subject))) {
    throw refuse('rule-broken', 'subject-not-of-referral', 'The referral is about another young person.', { at: [at], code: 'business-rule' });
  }
  return { id: referral, patient: request.patient };
}

async function onePerson(from: Reader, one: string, other: string): Promise<boolean> {
  const rows = await from.query(
    statement(`SELECT FROM directory.person_v1 one JOIN directory.person_v1 other ON other.person = one.person WHERE one.patient = $1 AND other.patient = $2`),
    [one, other],
  );
  return rows.length > 0;
}

/** The episode that a referral's acceptance promised, and since when; nothing if it was not accepted. */
export async function promisedEpisode(tx: Tx, { id, patient }: NamedReferral): Promise<{ episode: Omit<Episode, 'status' | 'version'>; since: Date } | undefined> {
  const row = (await referralRows(tx, patient, id)).find(({ type }) => type === 'Task');
  return row && promisedBy(row, { id, patient });
}

function promisedBy(row: StoredRow, referral: NamedReferral): { episode: Omit<Episode, 'status' | 'version'>; since: Date } | undefined {
  const task = contentOf(row) as unknown as Task;
  const output = task.output?.find(({ type }) => type.coding?.some(({ system, code }) => system === TASK_OUTPUT.system && code === 'episode'));
  const id = idOf(output?.valueReference?.reference, 'EpisodeOfCare');
  // The Organization of a partner has the partner's id; the Task's owner is the service's provider.
  const owner = idOf(task.owner?.reference, 'Organization');
  return id === undefined || owner === undefined ? undefined : { episode: { id, referral: referral.id, patient: referral.patient, owner }, since: row.last_updated };
}
