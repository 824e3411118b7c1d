import { crashPoint, type Caller } from '@baton/kernel';
import { statement, type Fragment, type Reader, type Tx } from '@baton/postgres';
import { claimOf, type Claim, type Identity } from './person.js';
import type { PersonKey } from './person-key.js';

/** A claim as it is stored: the digest in the number's place. */
export interface StoredClaim extends Claim {
  readonly digest: Buffer;
}

/** Which person a Patient is, and what that person was found by. */
export interface Link {
  readonly person: string;
  readonly claim: StoredClaim | undefined;
}

/** The person behind a Patient, or nothing if there is no such Patient. Never shown to a partner. */
export async function personOf(from: Reader, patient: string): Promise<string | undefined> {
  const [row] = await from.query<{ person: string }>(statement(`SELECT person FROM directory.person_v1 WHERE patient = $1`), [patient]);
  return row?.person;
}

/**
 * What the caller's Patient is looked up by. From here to the end of the transaction no other Patient with this number is
 * linked or compared: of two that come at the same moment, one sees the other.
 */
export async function claimUnderLock(tx: Tx, key: PersonKey, caller: Caller, identity: Identity): Promise<StoredClaim | undefined> {
  const [nhsNumber] = identity.nhsNumbers;
  if (nhsNumber === undefined) return undefined;
  const digest = key.digest(nhsNumber);
  const [row] = await tx.query<{ trusted: boolean }>(LOCK_NUMBER, [digest.readBigInt64BE(0).toString(), caller.partner]);
  crashPoint('directory.number-locked');
  const claim = claimOf(identity, row!.trusted)!;
  return { ...claim, number: digest.toString('hex'), digest };
}

/** Trusted is a partner of which a pathway version in force says so. */
const LOCK_NUMBER = statement(`
  SELECT pg_advisory_xact_lock($1::bigint), EXISTS (
    SELECT FROM directory.pathway_partner t JOIN directory.pathway p USING (pathway, version)
    WHERE t.partner = $2 AND t.trusted_to_trace AND p.in_force_from <= statement_timestamp() AND (p.in_force_until IS NULL OR statement_timestamp() < p.in_force_until)) AS trusted`);

/** The link of a Patient; its row is locked with the Patient's. */
export async function linkOf(tx: Tx, patient: string): Promise<Link> {
  const [row] = await tx.query<{ person: string; hmac: Buffer | null; birth_date: string | null; verified: boolean }>(
    statement(`SELECT person, hmac, birth_date, verified FROM directory.person_link WHERE patient = $1`),
    [patient],
  );
  if (!row) throw new Error('A Patient without a person');
  const { person, hmac, birth_date, verified } = row;
  return { person, claim: hmac ? { digest: hmac, number: hmac.toString('hex'), birthDate: birth_date ?? undefined, verified } : undefined };
}

/** Whom a verified claim finds. Ask after {@link claimUnderLock}. */
export async function personFor(tx: Tx, claim: StoredClaim): Promise<string | undefined> {
  const [row] = await tx.query<{ person: string }>(statement(`SELECT person FROM directory.person_key WHERE hmac = $1 AND birth_date = $2::date`), [claim.digest, claim.birthDate]);
  return row?.person;
}

/**
 * Rows that give a new Patient its person, in the statement that writes the Patient: whom its verified claim finds, or
 * the one made for it.
 *
 * @param fresh a random id, for when nobody is found
 */
export function newLink(patient: string, claim: StoredClaim | undefined, fresh: string): Record<string, Fragment> {
  if (!claim?.verified) return { person_link: { sql: `${INSERT_LINK} VALUES ($1, $2::uuid, $3, $4, false)`, values: [patient, fresh, ...claimColumns(claim)] }, ...reviews(patient, claim, fresh) };
  const [digest, birthDate] = claimColumns(claim);
  return {
    person_key: {
      // The row that is there is locked and given back: the unique key decides which of two is first.
      sql: `INSERT INTO directory.person_key AS k (hmac, birth_date, person) VALUES ($1, $2::date, $3::uuid) ON CONFLICT (hmac, birth_date) DO UPDATE SET person = k.person RETURNING k.person`,
      values: [digest, birthDate, fresh],
    },
    person_link: { sql: `${INSERT_LINK} SELECT $1, person, $2::bytea, $3, true FROM person_key`, values: [patient, digest, birthDate] },
    link_review: { sql: `${INSERT_REVIEWS} CROSS JOIN person_key k WHERE l.hmac = $2 AND l.patient <> $1 AND l.person <> k.person ${AT_MOST}`, values: [patient, digest, true] },
  };
}

/** Rows that change what a Patient is found by, and with it perhaps its person. @param newKey nobody had the claim: the person takes it */
export function changedLink(patient: string, claim: StoredClaim | undefined, person: string, newKey: boolean): Record<string, Fragment> {
  const [digest, birthDate] = claimColumns(claim);
  return {
    ...(newKey ? { person_key: { sql: `INSERT INTO directory.person_key (hmac, birth_date, person) VALUES ($1, $2::date, $3::uuid)`, values: [digest, birthDate, person] } } : {}),
    person_link: {
      sql: `UPDATE directory.person_link SET person = $2::uuid, hmac = $3, birth_date = $4, verified = $5 WHERE patient = $1`,
      values: [patient, person, digest, birthDate, claim?.verified ?? false],
    },
    reviewed: {
      sql: `DELETE FROM directory.link_review r USING directory.person_link l WHERE ((r.patient = $1 AND l.patient = r.other) OR (r.other = $1 AND l.patient = r.patient))
        AND (l.person = $2::uuid OR l.hmac IS DISTINCT FROM $3)`,
      values: [patient, person, digest],
    },
    ...reviews(patient, claim, person),
  };
}

/** Pairs for the review list: the same number, another person. */
function reviews(patient: string, claim: StoredClaim | undefined, person: string): Record<string, Fragment> {
  if (!claim) return {};
  return { link_review: { sql: `${INSERT_REVIEWS} WHERE l.hmac = $2 AND l.patient <> $1 AND l.person <> $4::uuid ${AT_MOST}`, values: [patient, claim.digest, claim.verified, person] } };
}

const INSERT_LINK = `INSERT INTO directory.person_link (patient, person, hmac, birth_date, verified)`;

/** The reason is that of `reviewOf`. */
const INSERT_REVIEWS = `INSERT INTO directory.link_review (patient, other, reason)
  SELECT least($1, l.patient), greatest($1, l.patient), CASE WHEN l.verified AND $3 THEN 'birth-date-differs' ELSE 'not-verified' END FROM directory.person_link l`;

/** One number sent over and over must not make a list of all pairs. */
const AT_MOST = `ORDER BY l.patient LIMIT 20 ON CONFLICT (patient, other) DO UPDATE SET reason = excluded.reason`;

const claimColumns = (claim: StoredClaim | undefined): [Buffer | null, string | null] => [claim?.digest ?? null, claim?.birthDate ?? null];
