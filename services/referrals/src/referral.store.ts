import type { FhirPriority } from '@baton/contracts';
import { statement, type Fragment, type Reader, type Tx } from '@baton/postgres';
import type { Referral } from './referral-state.js';
import type { TaskStatus } from './transitions.js';

/** A referral with what is known of it beside the rules' state. */
export interface StoredReferral {
  readonly state: Referral;
  /** The person the Patient was at creation; never shown. */
  readonly person: string;
  /** Location id, if a site was chosen. */
  readonly site: string | undefined;
  readonly requestedAt: Date;
  readonly undecidedBy: Date | undefined;
  readonly acknowledgeBy: Date | undefined;
}

interface Row {
  id: string;
  task: string;
  patient: string;
  person: string;
  referrer: string;
  service: string;
  site: string | null;
  recipients: string[];
  recipients_now: string[] | null;
  priority: FhirPriority;
  pathway: string;
  pathway_version: string;
  named: string[];
  status: TaskStatus;
  held: boolean;
  ahead: number | null;
  expected_days: number | null;
  reason: string | null;
  review_date: string | null;
  outcome: string | null;
  instead: string | null;
  episode: string | null;
  requested_at: Date;
  undecided_by: Date | null;
  acknowledge_by: Date | null;
  unacknowledged_at: Date | null;
  version: number;
  service_request_version: number;
  task_version: number;
}

// Whoever stands behind the service by the pathway in force acts for it now, whoever it was when the referral was made.
const SELECT = `SELECT r.*, (SELECT array_agg(n.partner ORDER BY n.role DESC, n.partner) FROM directory.recipient_v1 n WHERE n.service = r.service) AS recipients_now
  FROM referrals.referral r`;

const BY_ID = statement(`${SELECT} WHERE r.id = $1`);
const BY_TASK = statement(`${SELECT} WHERE r.task = $1`);
const LOCK_BY_ID = statement(`${SELECT} WHERE r.id = $1 FOR UPDATE OF r`);

/** Taken before a ServiceRequest's own lock; `$1` is its id. */
export const LOCK_OF_REQUEST = statement('SELECT r.id FROM referrals.referral r WHERE r.id = $1 FOR UPDATE OF r');

/** Taken before a Task's own lock; `$1` is its id. */
export const LOCK_OF_TASK = statement('SELECT r.id FROM referrals.referral r WHERE r.task = $1 FOR UPDATE OF r');

/** The referral of a ServiceRequest whose lock is held. @throws a defect if there is none: both are written together */
export async function referralOfRequest(from: Reader, id: string): Promise<StoredReferral> {
  return theOne(await from.query<Row>(BY_ID, [id]));
}

/** The referral of a Task whose lock is held. @throws a defect if there is none */
export async function referralOfTask(from: Reader, task: string): Promise<StoredReferral> {
  return theOne(await from.query<Row>(BY_TASK, [task]));
}

/** Locks a referral for the rest of the transaction and reads it as it is then. */
export async function lockReferral(tx: Tx, id: string): Promise<StoredReferral | undefined> {
  const [row] = await tx.query<Row>(LOCK_BY_ID, [id]);
  return row && stored(row);
}

const LOCK_DUE = statement(`${SELECT}
  WHERE r.status = 'requested' AND NOT r.held AND r.unacknowledged_at IS NULL AND coalesce(r.acknowledge_by, r.undecided_by) <= statement_timestamp()
  ORDER BY coalesce(r.acknowledge_by, r.undecided_by) LIMIT $1 FOR UPDATE OF r SKIP LOCKED`);

/**
 * Locks referrals that nobody has received in time. What another transaction holds is left to it or to the next look; a
 * row that changed meanwhile is judged as it is once locked.
 */
export async function lockDue(tx: Tx, atMost: number): Promise<StoredReferral[]> {
  return (await tx.query<Row>(LOCK_DUE, [atMost])).map(stored);
}

function theOne(rows: Row[]): StoredReferral {
  if (!rows[0]) throw new Error('A resource of a referral has no referral row');
  return stored(rows[0]);
}

const given = <Name extends string, Value>(name: Name, value: Value | null): { [key in Name]?: Value } => (value === null ? {} : ({ [name]: value } as { [key in Name]: Value }));

function stored(row: Row): StoredReferral {
  const state: Referral = {
    id: row.id,
    task: row.task,
    patient: row.patient,
    referrer: row.referrer,
    service: row.service,
    recipients: row.recipients_now ?? row.recipients,
    priority: row.priority,
    pathway: { id: row.pathway, version: row.pathway_version },
    named: row.named,
    status: row.status,
    held: row.held,
    ...(row.ahead === null ? {} : { waiting: { ahead: row.ahead, ...given('expectedDays', row.expected_days) } }),
    ...given('reason', row.reason),
    ...given('reviewDate', row.review_date),
    ...given('outcome', row.outcome),
    ...given('instead', row.instead),
    ...given('episode', row.episode),
    ...(row.unacknowledged_at === null ? {} : { unacknowledgedAt: row.unacknowledged_at.toISOString() }),
    version: row.version,
    serviceRequestVersion: row.service_request_version,
    taskVersion: row.task_version,
  };
  return {
    state,
    person: row.person,
    site: row.site ?? undefined,
    requestedAt: row.requested_at,
    undecidedBy: row.undecided_by ?? undefined,
    acknowledgeBy: row.acknowledge_by ?? undefined,
  };
}

const changing = (state: Referral): unknown[] => [
  state.recipients,
  state.priority,
  state.named,
  state.status,
  state.held,
  state.waiting?.ahead ?? null,
  state.waiting?.expectedDays ?? null,
  state.reason ?? null,
  state.reviewDate ?? null,
  state.outcome ?? null,
  state.instead ?? null,
  state.episode ?? null,
  state.unacknowledgedAt ?? null,
  state.version,
  state.serviceRequestVersion,
  state.taskVersion,
];

const CHANGING = `recipients, priority, named, status, held, ahead, expected_days, reason, review_date, outcome, instead, episode, unacknowledged_at,
  version, service_request_version, task_version`;

/**
 * The row of a new referral, to be woven into the writing statement.
 * @param allowanceMinutes within which consent is to have decided, and then the receiver is to have it
 */
export const insertReferral = (referral: Pick<StoredReferral, 'state' | 'person' | 'site' | 'requestedAt'>, allowanceMinutes: number): Fragment => ({
  sql: `INSERT INTO referrals.referral (${CHANGING}, id, task, patient, person, referrer, service, site, pathway, pathway_version, requested_at, allowance, undecided_by)
    VALUES ($1::text[], $2, $3::text[], $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::timestamptz, $14, $15, $16,
      $17, $18, $19, $20::uuid, $21, $22, $23, $24, $25, $26::timestamptz, $27::int, clock_timestamp() + $27::int * interval '1 minute')`,
  values: [
    ...changing(referral.state),
    referral.state.id,
    referral.state.task,
    referral.state.patient,
    referral.person,
    referral.state.referrer,
    referral.state.service,
    referral.site ?? null,
    referral.state.pathway.id,
    referral.state.pathway.version,
    referral.requestedAt,
    allowanceMinutes,
  ],
});

/** What becomes of the time by which a receiver must have the referral. */
export type Acknowledgement =
  | 'as-is'
  /** There is no verdict to wait for and nobody to receive it: no clock runs. */
  | 'stopped'
  /** The clock begins, unless it runs already: its allowance from now, by the database's time. */
  | 'begins'
  /** It is more urgent now: at most so many minutes from now, if the clock runs. */
  | { readonly atMost: number };

/** The row of a referral after a decision, to be woven into the writing statement; the lock is held. */
export function updateReferral(state: Referral, acknowledgement: Acknowledgement = 'as-is', site?: string): Fragment {
  const [how, minutes] = typeof acknowledgement === 'string' ? [acknowledgement, 0] : ['at-most', acknowledgement.atMost];
  return {
    sql: `UPDATE referrals.referral SET (${CHANGING}) =
        ROW ($1::text[], $2, $3::text[], $4, $5::boolean, $6::int, $7::int, $8, $9, $10, $11, $12, $13::timestamptz, $14::int, $15::int, $16::int),
      site = coalesce($20, site),
      allowance = CASE $18 WHEN 'at-most' THEN $19::int ELSE allowance END,
      undecided_by = CASE $18 WHEN 'stopped' THEN NULL
        WHEN 'at-most' THEN CASE WHEN undecided_by IS NOT NULL THEN least(undecided_by, clock_timestamp() + $19::int * interval '1 minute') END
        ELSE undecided_by END,
      acknowledge_by = CASE $18
        WHEN 'stopped' THEN NULL
        WHEN 'begins' THEN coalesce(acknowledge_by, clock_timestamp() + allowance * interval '1 minute')
        WHEN 'at-most' THEN CASE WHEN acknowledge_by IS NOT NULL THEN least(acknowledge_by, clock_timestamp() + $19::int * interval '1 minute') END
        ELSE acknowledge_by END
      WHERE id = $17`,
    values: [...changing(state), state.id, how, minutes, site ?? null],
  };
}

const BEGIN_CLOCK = statement(`UPDATE referrals.referral r SET acknowledge_by = clock_timestamp() + r.allowance * interval '1 minute'
  WHERE r.id = $1 AND r.status = 'requested' AND NOT r.held AND r.acknowledge_by IS NULL
    AND coalesce((SELECT array_agg(n.partner) FROM directory.recipient_v1 n WHERE n.service = r.service), r.recipients) && $2::text[]
  RETURNING r.id`);

/**
 * Begins the time by which a receiver must have the referral, where nothing else is to be done: it is requested, not held, no
 * clock runs, and one of these partners acts for its service.
 *
 * @returns whether it began; if not, the referral has to be looked at
 */
export async function beginClock(tx: Tx, id: string, recipients: readonly string[]): Promise<boolean> {
  return (await tx.query(BEGIN_CLOCK, [id, recipients])).length > 0;
}

/** Who is there, counted up to the capacity, and who waits before; `ahead` is counted only where it is full. */
export interface Caseload {
  readonly present: number;
  readonly ahead: number;
}

interface CaseloadRow extends Caseload {
  open: string | null;
}

const AHEAD_AT_MOST = 1000;

const PRESENT = `SELECT count(*)::int FROM (SELECT FROM referrals.referral r
    WHERE r.service = $1 AND ($2::text IS NULL OR r.site = $2) AND r.status IN ('accepted', 'in-progress', 'on-hold') LIMIT coalesce($3::int, 0)) AS there`;
const AHEAD = `SELECT count(*)::int FROM (SELECT FROM referrals.referral r
    WHERE r.service = $1 AND ($2::text IS NULL OR r.site = $2) AND r.status IN ('requested', 'received') LIMIT ${AHEAD_AT_MOST}) AS before`;
const CASELOAD = `SELECT present, CASE WHEN $3::int IS NULL OR present < $3::int THEN 0 ELSE (${AHEAD}) END AS ahead`;

const COUNTED = statement(`${CASELOAD} FROM (SELECT (${PRESENT}) AS present) AS counted`);

/** How full a service or one of its sites is. */
export async function caseload(from: Reader, { service, site, capacity }: { service: string; site: string | undefined; capacity: number }): Promise<Caseload> {
  const [row] = await from.query<CaseloadRow>(COUNTED, [service, site ?? null, capacity]);
  return row!;
}

const STANDING = statement(`${CASELOAD}, (SELECT r.id FROM referrals.referral r
    WHERE r.service = $1 AND r.person = (SELECT p.person FROM directory.person_v1 p WHERE p.patient = $4) AND r.referrer = $5 AND r.status IN ('requested', 'received', 'accepted', 'in-progress', 'on-hold')) AS open
  FROM (SELECT (${PRESENT}) AS present) AS counted`);

/** How full a service is, and the referrer's own open referral of this young person to it (ServiceRequest id). */
export type Standing = Caseload & { readonly open: string | undefined };

/**
 * What a new referral of the referrer meets: its own open one of the same person to the same service, and how full it is.
 * Asked while the referral's own place is locked (`intake`), so that of two at once one sees the other.
 */
export async function standing(
  from: Reader,
  what: { service: string; site: string | undefined; capacity: number | undefined; patient: string; referrer: string },
): Promise<Standing> {
  const [row] = await from.query<CaseloadRow>(STANDING, [what.service, what.site ?? null, what.capacity ?? null, what.patient, what.referrer]);
  return { present: row!.present, ahead: row!.ahead, open: row!.open ?? undefined };
}
