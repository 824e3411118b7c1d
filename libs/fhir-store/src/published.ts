import { RESOURCE_TYPES } from '@baton/contracts';
import { statement, type Reader } from '@baton/postgres';
import { schemaOf } from './reading.js';
import { storedColumns, type StoredRow } from './rows.js';

/** Which records a rule asks about. */
export interface Recorded {
  readonly type: string;
  /** ServiceRequest id of the referral they belong to. */
  readonly context: string;
  /** A Patient id of the young person; records under another Patient of the same person count as well. */
  readonly patient: string;
  /** Partners that recorded them: those that act for the receiving service. */
  readonly owners: readonly string[];
}

/**
 * What was recorded for a referral by those who carry it out, whichever service keeps it: for rules of a transition that
 * ask whether something was done. It looks past who sees what among those partners, so nothing of the content may be
 * shown to a caller; only that the need is met.
 *
 * @returns present versions that are not deleted
 */
export async function recordedFor(from: Reader, what: Recorded): Promise<StoredRow[]> {
  return from.query<StoredRow>(
    statement(
      `SELECT ${storedColumns('r')} FROM ${schemaOf(what.type)}.resource_v1 r
       WHERE r.patient IN (SELECT same.patient FROM directory.person_v1 one JOIN directory.person_v1 same ON same.person = one.person WHERE one.patient = $1)
         AND r.type = $2 AND r.context = $3 AND r.owner = ANY($4::text[]) AND NOT r.deleted`,
    ),
    [what.patient, what.type, what.context, what.owners],
  );
}

/**
 * What there is of Patients that decisions may open, by id, owner and place alone: a decision with exceptions needs to know.
 * It looks past who sees what, so nothing of it may be shown to a caller.
 *
 * @param patients SQL: a subquery that yields one array of Patient ids
 * @returns SQL of rows with item (`Type/id`), patient, owner, category, context
 */
export const knownItems = (patients: string): string =>
  SCHEMAS_OF_A_PERSON.map((schema) => `SELECT r.type || '/' || r.id AS item, r.patient, r.owner, r.category, r.context FROM ${schema}.resource_v1 r WHERE r.patient = ANY(${patients}::text[]) AND NOT r.deleted`).join(' UNION ALL ');

/** Those that store what decisions open; consent's own resources are its owner's. */
const SCHEMAS_OF_A_PERSON = [...new Set(Object.values(RESOURCE_TYPES).flatMap(({ schema, visible }) => (visible === 'decision' ? [schema] : [])))];
