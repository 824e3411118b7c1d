import { knownItems } from '@baton/fhir-store';
import { crashPoint } from '@baton/kernel';
import { statement, type Statement, type Tx } from '@baton/postgres';
import type { LawfulBasis } from '@baton/contracts';
import type { AccessRow } from './effective-access.js';
import type { Decision, Scope } from './decision.js';
import type { Facts, KnownItem, Sharing } from './sharing.js';

/** Everything consent holds on one person, as it stands while the person's lock is held. */
export interface PersonState {
  readonly person: string;
  readonly facts: Facts;
  /** Recorded ones of this person, and those of others that bind it since a link. */
  readonly decisions: readonly StoredDecision[];
  readonly sharings: readonly Sharing[];
  readonly access: readonly StoredAccess[];
  /** When it is to be judged again by itself. */
  readonly nextAt: Date | null;
}

/** A decision as it is stored: services are kept as services, and resolved each time. */
export interface StoredDecision extends Decision {
  readonly named: { readonly partners: readonly string[]; readonly services: readonly string[] };
}

export interface StoredAccess extends AccessRow {
  /** Where the row lies (`ctid`). Rows are never updated, so it stays there as long as the person's lock is held. */
  readonly place: string;
}

// A Patient the directory does not know as anybody stands for itself.
const PERSON_OF = (patient: string): string => `coalesce((SELECT p.person FROM directory.person_v1 p WHERE p.patient = ${patient}), md5(${patient})::uuid)`;

// The update of a row that is there waits for whoever holds it, as the insert of a new one does; always in the order of ids.
const LOCK = statement(
  `INSERT INTO consent.person_lock AS l (person) SELECT p FROM unnest($1::uuid[]) AS p ORDER BY p ON CONFLICT (person) DO UPDATE SET taken = l.taken + 1`,
);

/**
 * Locks persons until the transaction ends, in the order of their ids: nobody decides on any of them meanwhile. What was
 * read before may be out of date afterwards.
 */
export async function lockPersons(tx: Tx, persons: readonly string[]): Promise<void> {
  if (persons.length === 0) return;
  await locking(tx, LOCK, [persons]);
}

async function locking(tx: Tx, how: Statement, values: readonly unknown[]): Promise<{ person: string }[]> {
  const locked = await tx.query<{ person: string }>(how, values);
  crashPoint('consent.persons-locked');
  return locked;
}

const LOCK_BEHIND = statement(`INSERT INTO consent.person_lock AS l (person) SELECT ${PERSON_OF('w')} FROM (SELECT $1::text) AS one(w)
  ON CONFLICT (person) DO UPDATE SET taken = l.taken + 1 RETURNING person::text AS person`);

/**
 * {@link personState} of the person behind a Patient, once its lock is held; the lock is taken again if the Patient turns out
 * to be somebody else's by then. Both are sent at once, before anything is waited for: PostgreSQL begins the reading, and takes
 * its snapshot, after the lock was got.
 */
export async function lockedState(tx: Tx, patient: string, withItems = false): Promise<PersonState> {
  for (;;) {
    const [[locked], state] = await Promise.all([locking(tx, LOCK_BEHIND, [patient]), personState(tx, { patient, withItems })]);
    if (state.person === locked!.person) return state;
  }
}

interface StateRow {
  now: Date;
  person: string;
  patients: string[];
  decisions: DecisionJson[];
  sharings: SharingJson[];
  access: AccessJson[];
  next_at: Date | null;
}

interface DecisionJson {
  id: string; patient: string; recorder: string; effect: Decision['effect']; partners: string[]; services: string[]; resolved: string[] | null; everyone: boolean; scope: Scope; context: string | null;
  withheld: Scope[]; purpose: string; basis: LawfulBasis; capacity: string | null; justified: boolean; decided_at: string; valid_from: string | null; valid_until: string | null;
  status: Decision['status']; withdrawn_at: string | null; reach: string[];
}

interface SharingJson {
  referral: string; version: number; state: Sharing['state']; patient: string; referrer: string; service: string; recipients: string[]; recipients_now: string[] | null; named: string[]; allowed: string[];
  decision: string | null; basis: LawfulBasis | null; implied: string; closed: boolean;
}

interface AccessJson {
  place: string; patient: string; owner: string | null; recipient: string; category: AccessRow['category']; context: string | null; item: string | null; purpose: string; valid_from: string; valid_until: string | null; decision: string;
}

// The person `$1`, or else the one behind the Patient `$2`; a Patient the directory does not know stands for itself.
const PERSON = `coalesce($1::uuid, ${PERSON_OF('$2::text')})`;
const THEM = `SELECT who.person, (
    SELECT coalesce(array_agg(p.patient), '{}') || CASE WHEN $2::text IS NULL OR bool_or(p.patient = $2) OR EXISTS (SELECT FROM directory.person_v1 q WHERE q.patient = $2) THEN '{}'::text[] ELSE ARRAY[$2::text] END
    FROM directory.person_v1 p WHERE p.person = who.person) AS patients
  FROM (SELECT ${PERSON} AS person OFFSET 0) AS who`;

// One statement, so that all of it is of one snapshot, taken after the lock is held. Each part finds its rows by an index: the two ways
// to a decision are asked one after the other, because with OR between them all decisions would be looked through. Implied consent of
// referrals is left out; it has no reach.
const STATE = statement(`
  WITH them AS MATERIALIZED (${THEM})
  SELECT statement_timestamp() AS now, them.person::text AS person, them.patients, (SELECT l.next_at FROM consent.person_lock l WHERE l.person = them.person) AS next_at,
    (SELECT coalesce(json_agg(d), '[]') FROM (
      SELECT d.*, (SELECT array_agg(DISTINCT n.partner) FROM directory.recipient_v1 n WHERE n.service = ANY(d.services)) AS resolved
      FROM (SELECT * FROM consent.decision own WHERE own.patient = ANY(them.patients) AND own.referral IS NULL
        UNION ALL SELECT * FROM consent.decision other WHERE other.reach <> '{}' AND other.reach && them.patients AND other.patient <> ALL(them.patients)) d) d) AS decisions,
    (SELECT coalesce(json_agg(s ORDER BY s.referral), '[]') FROM (
      SELECT s.*, (SELECT array_agg(n.partner ORDER BY n.role DESC, n.partner) FROM directory.recipient_v1 n WHERE n.service = s.service) AS recipients_now
      FROM consent.sharing s WHERE s.patient = ANY(them.patients)) s) AS sharings,
    (SELECT coalesce(json_agg(a), '[]') FROM (SELECT a.ctid::text AS place, a.patient, a.owner, a.recipient, a.category, a.context, a.item, a.purpose, a.valid_from, a.valid_until, a.decision
      FROM consent.access a WHERE a.patient = ANY(them.patients)) a) AS access
  FROM them`);

const ITEMS = statement(`WITH them AS MATERIALIZED (${THEM}) ${knownItems('(SELECT patients FROM them)')}`);

/** Whose state is asked for: a person, or the one behind a Patient. */
export interface Wanted {
  readonly person?: string;
  /** A Patient that may be unknown to the directory, and then stands for itself. */
  readonly patient?: string | null;
  /** Say also what resources there are: a decision that is not stored yet may need to know. */
  readonly withItems?: boolean;
}

/** What consent holds on a person whose lock is held, or was asked for in the same turn. */
export async function personState(tx: Tx, { person, patient, withItems = false }: Wanted): Promise<PersonState> {
  const whom = [person ?? null, patient ?? null];
  const knownItems = (): Promise<KnownItem[]> => tx.query<KnownItem>(ITEMS, whom);
  const [[row], asked] = await Promise.all([tx.query<StateRow>(STATE, whom), withItems ? knownItems() : undefined]);
  const { now, patients } = row!;
  const decisions = row!.decisions.map(decisionOf);
  const items = asked ?? (decisions.some(cutsIntoCategories) ? await knownItems() : []);
  return { person: row!.person, facts: { now, patients, items }, decisions, sharings: row!.sharings.map(sharingOf), access: row!.access.map(accessOf), nextAt: row!.next_at };
}

/** Is there something in it that may close part of a category, so that the rest is to be opened one by one? */
export const cutsIntoCategories = ({ effect, status, scope, context, withheld }: Pick<Decision, 'effect' | 'status' | 'scope' | 'context' | 'withheld'>): boolean =>
  ((effect === 'deny' || status === 'inactive') && (scope.kind === 'items' || context !== undefined)) || (withheld.length > 0 && context !== undefined) || withheld.some(({ kind }) => kind === 'items');

function decisionOf(row: DecisionJson): StoredDecision {
  const { id, patient, recorder, effect, scope, withheld, purpose, basis, justified, status, reach } = row;
  return {
    id, patient, recorder, effect, scope, withheld, purpose, basis, justified, status, reach,
    recipients: row.everyone ? 'everyone-but-owner' : [...new Set([...row.partners, ...(row.resolved ?? [])])],
    named: { partners: row.partners, services: row.services },
    dateTime: new Date(row.decided_at),
    ...(row.context === null ? {} : { context: row.context }),
    ...(row.capacity === null ? {} : { capacity: row.capacity }),
    ...(row.valid_from === null ? {} : { from: new Date(row.valid_from) }),
    ...(row.valid_until === null ? {} : { until: new Date(row.valid_until) }),
    ...(row.withdrawn_at === null ? {} : { withdrawnAt: new Date(row.withdrawn_at) }),
  };
}

// Whoever stands behind the service by the pathway in force acts for it now, whoever it was when the referral was made.
function sharingOf({ recipients_now: now, decision, basis, ...row }: SharingJson): Sharing {
  const { referral, version, state, patient, referrer, service, named, allowed, implied, closed } = row;
  return { referral, version, state, patient, referrer, service, named, allowed, implied, closed, recipients: now ?? row.recipients, ...(decision === null ? {} : { decision }), ...(basis === null ? {} : { basis }) };
}

const accessOf = ({ valid_from: from, valid_until: until, ...rest }: AccessJson): StoredAccess => ({ ...rest, validFrom: new Date(from), validUntil: until === null ? null : new Date(until) });
