import type { NewEvent } from '@baton/contracts';
import type { Fragment } from '@baton/postgres';
import { identityOf, turningPoints, type AccessRow } from './effective-access.js';
import type { PersonState, StoredAccess, StoredDecision } from './person.store.js';
import type { Sharing } from './sharing.js';
import { judgePerson } from './verdict.js';

/** What is to be judged beside what is stored, and how. */
export interface Change {
  /** A decision that is new, or says something else now. */
  readonly decision?: StoredDecision;
  /** A referral that is new, or stands elsewhere now. */
  readonly sharing?: Sharing;
  /** Take away what no longer stands and give nothing; somebody else judges again at once. */
  readonly onlyNarrow?: boolean;
}

/** Rows to be woven into the writing statement, and what is announced with them. */
export interface Outcome {
  readonly rows: Readonly<Record<string, Fragment>>;
  readonly events: readonly NewEvent[];
}

/**
 * Judges a person again after a change: rows that make what consent holds agree with its decisions. The person's lock is held.
 *
 * @param suffix tells the rows of several persons in one statement apart
 */
export function outcomeOf(state: PersonState, change: Change, suffix = ''): Outcome {
  const { facts } = state;
  const decisions = [...state.decisions.filter(({ id }) => id !== change.decision?.id), ...(change.decision ? [change.decision] : [])];
  const sharings = [...state.sharings.filter(({ referral }) => referral !== change.sharing?.referral), ...(change.sharing ? [change.sharing] : [])];
  const judgement = judgePerson(decisions, change.onlyNarrow ? sharings.map((sharing) => ({ ...sharing, closed: true })) : sharings, facts);
  const closed = new Map(sharings.map((sharing) => [sharing.referral, sharing.closed]));
  const after = judgement.sharings.map((sharing) => ({ ...sharing, closed: closed.get(sharing.referral)! }));
  const next = change.onlyNarrow ? facts.now : (turningPoints(decisions, facts.now)[0] ?? null);
  const rows: Record<string, Fragment> = {
    ...(change.decision ? { decision: upsertDecision(change.decision) } : {}),
    ...sharingRows(state, after, facts.now),
    ...accessRows(state, judgement.rows, change.onlyNarrow ?? false),
    ...(next?.getTime() === state.nextAt?.getTime() ? {} : { person_due: { sql: `UPDATE consent.person_lock SET next_at = $2, patient = $3 WHERE person = $1::uuid`, values: [state.person, next, facts.patients[0] ?? null] } }),
  };
  return { rows: Object.fromEntries(Object.entries(rows).map(([name, fragment]) => [`${name}${suffix}`, renamed(fragment, suffix)])), events: judgement.events };
}

/** Fragments that name one another do so within one person. */
const renamed = (fragment: Fragment, suffix: string): Fragment => (suffix === '' ? fragment : { ...fragment, sql: fragment.sql.replace(/\baccess_gone\b/g, `access_gone${suffix}`) });

/** Access rows that are missing, and where those lie that should not be there, with nothing changed. */
export const accessDifference = (state: PersonState): AccessDifference => differenceOf(state.access, judgePerson(state.decisions, state.sharings, state.facts).rows);

interface AccessDifference {
  readonly fresh: readonly AccessRow[];
  readonly gone: readonly string[];
}

function differenceOf(access: readonly StoredAccess[], wanted: readonly AccessRow[]): AccessDifference {
  // A first referral finds nothing: then there is nothing to compare.
  const missing = access.length === 0 ? undefined : new Map(wanted.map((row) => [identityOf(row), row]));
  const gone = access.filter((row) => !missing?.delete(identityOf(row))).map(({ place }) => place);
  return { fresh: missing ? [...missing.values()] : wanted, gone };
}

function accessRows({ access }: PersonState, wanted: readonly AccessRow[], onlyNarrow: boolean): Record<string, Fragment> {
  const { fresh: missing, gone } = differenceOf(access, wanted);
  const fresh = onlyNarrow ? [] : missing;
  return {
    ...(gone.length > 0
      ? {
          access_gone: { sql: `DELETE FROM consent.access WHERE ctid = ANY($1::tid[]) RETURNING *`, values: [gone] },
          access_withdrawn: {
            sql: `INSERT INTO consent.withdrawn (patient, owner, recipient, category, context, item, decision, at, xid)
              SELECT patient, owner, recipient, category, context, item, decision, statement_timestamp(), pg_current_xact_id() FROM access_gone`,
            values: [],
          },
        }
      : {}),
    ...(fresh.length > 0 ? { access_new: insertAccess(fresh) } : {}),
  };
}

/** Rows of one decision have most in common, and a referral makes dozens: what they share is sent, and read, once. */
function insertAccess(rows: readonly AccessRow[]): Fragment {
  const shared: AccessRow[] = [];
  const common = rows.map((row) => {
    const found = shared.findIndex((one) => hasInCommon(one, row));
    return found >= 0 ? found + 1 : shared.push(row);
  });
  return {
    sql: `INSERT INTO consent.access (patient, owner, recipient, category, context, item, purpose, valid_from, valid_until, decision)
      SELECT s.patient, r.owner, r.recipient, r.category, r.context, r.item, s.purpose, s.valid_from, s.valid_until, s.decision
      FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS r(common, owner, recipient, category, context, item)
      JOIN unnest($7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::text[]) WITH ORDINALITY AS s(patient, purpose, valid_from, valid_until, decision, number) ON s.number = r.common`,
    values: [
      common,
      rows.map(({ owner }) => owner),
      rows.map(({ recipient }) => recipient),
      rows.map(({ category }) => category),
      rows.map(({ context }) => context),
      rows.map(({ item }) => item),
      shared.map(({ patient }) => patient),
      shared.map(({ purpose }) => purpose),
      shared.map(({ validFrom }) => validFrom),
      shared.map(({ validUntil }) => validUntil),
      shared.map(({ decision }) => decision),
    ],
  };
}

const hasInCommon = (one: AccessRow, other: AccessRow): boolean =>
  one.decision === other.decision && one.patient === other.patient && one.purpose === other.purpose && one.validFrom.getTime() === other.validFrom.getTime() && one.validUntil?.getTime() === other.validUntil?.getTime();

function sharingRows(state: PersonState, after: readonly Sharing[], now: Date): Record<string, Fragment> {
  const before = new Map(state.sharings.map((sharing) => [sharing.referral, sharing]));
  const changed = after.filter((sharing) => JSON.stringify(ordered(sharing)) !== JSON.stringify(ordered(before.get(sharing.referral))));
  if (changed.length === 0) return {};
  const lost = ({ referral, allowed }: Sharing): boolean => (before.get(referral)?.allowed ?? []).some((partner) => !allowed.includes(partner));
  const rested = ({ referral, implied }: Sharing): boolean => before.get(referral)?.decision === implied;
  const implied = changed.filter((sharing) => sharing.decision === sharing.implied || rested(sharing));
  return {
    sharing: { sql: UPSERT_SHARINGS, values: [JSON.stringify(changed.map((sharing) => ({ decision: null, basis: null, ...sharing, lost: lost(sharing) })))] },
    ...(implied.length > 0
      ? { implied: { sql: UPSERT_IMPLIED, values: [JSON.stringify(implied.map(({ implied: id, patient, referrer, recipients, allowed, referral, decision }) => ({ id, patient, referrer, partners: decision === id ? allowed : recipients, referral, active: decision === id }))), now] } }
      : {}),
  };
}

const ordered = (sharing: Sharing | undefined): unknown => sharing && Object.entries(sharing).sort(([a], [b]) => (a < b ? -1 : 1));

const UPSERT_SHARINGS = `INSERT INTO consent.sharing (referral, version, state, patient, referrer, service, recipients, named, allowed, decision, basis, implied, closed)
  SELECT referral, version, state, patient, referrer, service, recipients, named, allowed, decision, basis, implied, closed FROM jsonb_to_recordset($1::jsonb)
  AS s(referral text, version int, state text, patient text, referrer text, service text, recipients text[], named text[], allowed text[], decision text, basis text, implied text, closed boolean)
  ON CONFLICT (referral) DO UPDATE SET version = excluded.version, state = excluded.state, recipients = excluded.recipients, named = excluded.named, allowed = excluded.allowed,
    decision = excluded.decision, basis = excluded.basis, closed = excluded.closed,
    withdrawn_xid = CASE WHEN excluded.referral IN (SELECT l.referral FROM jsonb_to_recordset($1::jsonb) AS l(referral text, lost boolean) WHERE l.lost) THEN pg_current_xact_id() ELSE sharing.withdrawn_xid END`;

const UPSERT_IMPLIED = `INSERT INTO consent.decision (id, patient, recorder, effect, partners, services, everyone, scope, context, withheld, purpose, basis, justified, decided_at, status, reach, referral)
  SELECT id, patient, referrer, 'permit', partners, '{}', false, '{"kind":"record"}', referral, '[]', 'TREAT', 'implied-direct-care', false, $2::timestamptz, CASE WHEN active THEN 'active' ELSE 'inactive' END, '{}', referral
  FROM jsonb_to_recordset($1::jsonb) AS i(id text, patient text, referrer text, partners text[], referral text, active boolean)
  ON CONFLICT (id) DO UPDATE SET partners = excluded.partners, status = excluded.status,
    withdrawn_at = CASE WHEN excluded.status = 'inactive' THEN $2::timestamptz END, withdrawn_xid = CASE WHEN excluded.status = 'inactive' THEN pg_current_xact_id() END`;

function upsertDecision(decision: StoredDecision): Fragment {
  const { id, patient, recorder, effect, named, recipients, scope, context, withheld, purpose, basis, capacity, justified, dateTime, from, until, status, withdrawnAt, reach } = decision;
  const takesAway = effect === 'deny' || status !== 'active';
  return {
    sql: UPSERT_DECISION,
    values: [
      id, patient, recorder, effect, named.partners, named.services, recipients === 'everyone-but-owner', JSON.stringify(scope), context ?? null, JSON.stringify(withheld), purpose, basis, capacity ?? null, justified,
      dateTime, from ?? null, until ?? null, status, withdrawnAt ?? null, takesAway, reach,
    ],
  };
}

const UPSERT_DECISION = `INSERT INTO consent.decision (id, patient, recorder, effect, partners, services, everyone, scope, context, withheld, purpose, basis, capacity, justified, decided_at, valid_from, valid_until, status, withdrawn_at, withdrawn_xid, reach)
  VALUES ($1, $2, $3, $4, $5::text[], $6::text[], $7, $8::jsonb, $9, $10::jsonb, $11, $12, $13, $14, $15::timestamptz, $16::timestamptz, $17::timestamptz, $18, $19::timestamptz, CASE WHEN $20::boolean THEN pg_current_xact_id() END, $21::text[])
  ON CONFLICT (id) DO UPDATE SET effect = excluded.effect, partners = excluded.partners, services = excluded.services, everyone = excluded.everyone, scope = excluded.scope, context = excluded.context, withheld = excluded.withheld,
    purpose = excluded.purpose, basis = excluded.basis, capacity = excluded.capacity, justified = excluded.justified, decided_at = excluded.decided_at, valid_from = excluded.valid_from, valid_until = excluded.valid_until,
    status = excluded.status, withdrawn_at = excluded.withdrawn_at, withdrawn_xid = excluded.withdrawn_xid, reach = excluded.reach`;
