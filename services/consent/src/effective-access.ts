import { judge, type Cell } from './conflict.js';
import { categoryOfItem, OPENABLE, standsOf, type Decision, type Openable, type Stand } from './decision.js';
import { candidatesOf, impliedStand, mayKnow, othersOf, type Facts, type Sharing } from './sharing.js';

/** One opening, as `effective_access_v1` publishes it. */
export interface AccessRow {
  readonly patient: string;
  /** Null: of all owners. */
  readonly owner: string | null;
  readonly recipient: string;
  /** Null where a single item is opened. */
  readonly category: Openable | null;
  readonly context: string | null;
  readonly item: string | null;
  readonly purpose: string;
  readonly validFrom: Date;
  readonly validUntil: Date | null;
  readonly decision: string;
}

/** A permission without a first instant holds since ever. */
export const SINCE_EVER = new Date(0);

/** A cell that somebody may have opened, with the implied consent that stands for it, if it is of a referral. */
interface Candidate {
  readonly cell: Cell;
  readonly implied?: Stand;
}

/**
 * What the decisions and referrals of one person open: allow-only rows. A row is there only where a permission
 * reaches and prevails over every refusal; what is refused within a category closes the category, and what is known in it is
 * opened one by one. The order of what is passed in makes no difference.
 *
 * @param decisions of the person, whatever their status; implied consent of referrals not among them
 * @param referrals as decided at `facts.now`
 * @returns rows that hold from now on, in a fixed order; times of beginning and end are those of the decisions
 */
export function effectiveAccess(decisions: readonly Decision[], referrals: readonly Sharing[], facts: Facts): AccessRow[] {
  const patients = new Set(facts.patients);
  const stands = decisions.flatMap((decision) => standsOf(decision, patients));
  const open = new Map<string, { row: AccessRow; until: Date | null }[]>();
  for (const { from, until } of stretches(decisions, facts.now)) {
    const candidates = [...stands.filter((stand) => patients.has(stand.patient)).flatMap((stand) => opened(stand, facts)), ...referrals.filter(({ patient }) => patients.has(patient)).flatMap((sharing) => ofReferral(sharing, stands, facts, from))];
    const rows = new Map(candidates.flatMap((candidate) => rowsOf(candidate, stands, facts, from)).map((row) => [keyOf(row), row]));
    for (const [key, row] of rows) {
      const before = open.get(key) ?? [];
      const last = before.at(-1);
      if (last?.until && last.until.getTime() === from.getTime()) before[before.length - 1] = { row: { ...last.row, validUntil: until }, until };
      else before.push({ row: { ...row, validFrom: from > facts.now ? from : row.validFrom, validUntil: until }, until });
      open.set(key, before);
    }
  }
  return [...open.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, rows]) => rows.map(({ row }) => row));
}

/** Instants after `now` at which some decision begins or ends to hold, in order. */
export const turningPoints = (decisions: readonly Decision[], now: Date): Date[] =>
  [...new Set(decisions.filter(({ status }) => status === 'active').flatMap(({ from, until }) => [from, until]).filter((at) => at !== undefined).filter((at) => at > now).map((at) => at.getTime()))].sort((a, b) => a - b).map((at) => new Date(at));

function stretches(decisions: readonly Decision[], now: Date): { from: Date; until: Date | null }[] {
  const points = [now, ...turningPoints(decisions, now)];
  return points.map((from, i) => ({ from, until: points[i + 1] ?? null }));
}

/** Cells a decision opens. */
function opened(stand: Stand, facts: Facts): Candidate[] {
  const { effect, recipients, scope, patient, owner, context } = stand;
  if (effect !== 'permit' || recipients === 'everyone-but-owner') return [];
  return recipients
    .filter((recipient) => recipient !== owner)
    .flatMap((recipient): Candidate[] => {
      const of = { patient, owner, recipient };
      if (scope.kind === 'items') return scope.items.flatMap((item) => itemCell(of, item, facts));
      return (scope.kind === 'record' ? OPENABLE : scope.categories).map((category) => ({ cell: { ...of, category, context } }));
    });
}

function itemCell(of: Omit<Cell, 'category' | 'item' | 'context'>, item: string, { items }: Facts): Candidate[] {
  const category = categoryOfItem(item);
  const context = category === 'demographics' ? null : items.find((known) => known.item === item)?.context;
  return category ? [{ cell: { ...of, category, item, context } }] : [];
}

/**
 * Cells implied consent opens (design §4): to those who may know of the referral what existed before it and it names, the
 * referral, and the episodes of those they share it with; back to the referrer the episode and the plan that come of it.
 * Contacts and measures need a decision.
 */
function ofReferral(sharing: Sharing, stands: readonly Stand[], facts: Facts, at: Date): Candidate[] {
  const { patient, referrer, referral: context, named } = sharing;
  const receivers = othersOf(sharing);
  const knowing = receivers.filter((receiver) => candidatesOf(sharing).includes(receiver) && mayKnow(sharing, receiver, stands, at).by);
  const forward = knowing.flatMap((recipient): Candidate[] => {
    const of = { patient, owner: referrer, recipient };
    const colleagues = knowing.filter((owner) => owner !== recipient);
    return [
      ...[`Patient/${patient}`, ...named].flatMap((item) => itemCell(of, item, facts)),
      { cell: { ...of, category: 'referral', context } },
      ...colleagues.map((owner): Candidate => ({ cell: { patient, owner, recipient, category: 'episode', context } })),
    ];
  });
  const back = sharing.state === 'allowed' || sharing.state === 'withdrawn' ? receivers.flatMap((owner) => (['episode', 'plan'] as const).map((category): Candidate => ({ cell: { patient, owner, recipient: referrer, category, context } }))) : [];
  return [...forward, ...back].map(({ cell }) => ({ cell, implied: impliedStand(sharing, cell.owner!) }));
}

/** The cell as a row if all of it is open; else rows of what is known in it and open. */
function rowsOf({ cell, implied }: Candidate, stands: readonly Stand[], facts: Facts, at: Date): AccessRow[] {
  const { by, inPart } = judge(cell, stands, at, implied);
  if (!by) return [];
  if (!inPart) return [row(cell, by)];
  return facts.items.filter((known) => lies(known, cell)).flatMap((known) => rowsOf({ cell: { ...cell, item: known.item, context: known.context }, ...(implied ? { implied } : {}) }, stands, facts, at));
}

const lies = (known: Facts['items'][number], cell: Cell): boolean =>
  cell.item === undefined && known.patient === cell.patient && known.category === cell.category && (cell.owner === null || known.owner === cell.owner) && (cell.context === undefined || known.context === cell.context);

const row = (cell: Cell, by: Stand): AccessRow => ({
  patient: cell.patient,
  owner: cell.owner,
  recipient: cell.recipient,
  category: cell.item === undefined ? cell.category : null,
  context: cell.item === undefined ? (cell.context ?? null) : null,
  item: cell.item ?? null,
  purpose: by.purpose,
  validFrom: by.from ?? SINCE_EVER,
  validUntil: null,
  decision: by.decision,
});

// Ids and codes have no line breaks. What differs most stands first: the rows are put in order by it, each recipient's together.
const keyOf = ({ recipient, owner, category, item, context, purpose, decision, patient }: AccessRow): string => [recipient, owner, category, item, context, purpose, decision, patient].join('\n');

/** What tells one row of access from another. */
export const identityOf = (row: AccessRow): string => `${keyOf(row)}\n${row.validFrom.getTime()}\n${row.validUntil?.getTime()}`;
