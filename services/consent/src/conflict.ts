import { categoryOfItem, holds, IMPLIED, type Openable, type Stand } from './decision.js';

/**
 * What one access row would open: a category of a Patient's data that one partner owns to one recipient, as a whole or
 * within one referral; or a single resource.
 */
export interface Cell {
  readonly patient: string;
  /** Null: of all owners. */
  readonly owner: string | null;
  readonly recipient: string;
  readonly category: Openable;
  /** The referral; for a single resource null if it belongs to none; left out where any or unknown. */
  readonly context?: string | null | undefined;
  readonly item?: string | undefined;
}

/** How much of a cell a stand is about. */
export type Cover = 'all' | 'part' | 'none';

/** @returns `part` if there may be something in the cell that the stand is about, and something that it is not about */
export function covers(stand: Stand, cell: Cell): Cover {
  if (stand.recipients === 'everyone-but-owner' ? cell.recipient === cell.owner : !stand.recipients.includes(cell.recipient)) return 'none';
  if (stand.effect === 'permit' ? stand.patient !== cell.patient : stand.onlyFor && !stand.onlyFor.includes(cell.patient)) return 'none';
  const what = coversWhat(stand, cell);
  if (what === 'none' || stand.owner === null || stand.owner === cell.owner) return what;
  return cell.owner === null ? 'part' : 'none';
}

function coversWhat({ scope, context }: Stand, cell: Cell): Cover {
  if (scope.kind === 'categories' && !scope.categories.includes(cell.category)) return 'none';
  if (scope.kind === 'items') {
    if (cell.item !== undefined) return scope.items.includes(cell.item) ? 'all' : 'none';
    return scope.items.some((item) => categoryOfItem(item) === cell.category) ? 'part' : 'none';
  }
  if (context === undefined || cell.context === context) return 'all';
  return cell.context === undefined ? 'part' : 'none';
}

/** How specific: in its recipients, in what it is about, in the referral. One is more specific if it is so in one and no less in the others. */
const specificity = (stand: Stand): readonly [number, number, number] => {
  const what = { record: 0, categories: 1, items: 2 }[stand.scope.kind];
  return [stand.recipients === 'everyone-but-owner' ? 0 : 1, what, what === 2 || stand.context !== undefined ? 1 : 0];
};

const equallySpecific = (a: Stand, b: Stand): boolean => specificity(a).every((value, i) => value === specificity(b)[i]);
const moreSpecific = (a: Stand, b: Stand): boolean => !equallySpecific(a, b) && specificity(a).every((value, i) => value >= specificity(b)[i]!);

/**
 * Has a later decision of the same recipient and scope taken the place of this one? A permission is superseded for good. A
 * refusal is superseded by a permission only of who owns the data, only as long as that permission holds, and only if
 * that was not overtaken itself: what lifts a refusal has to stand.
 */
function superseded(stand: Stand, among: readonly Stand[], cell: Cell, at: Date): boolean {
  return among.some((later) => later.at > stand.at && supersedes(later, stand, cell, at) && (stand.effect === 'permit' || !superseded(later, among, cell, at)));
}

function supersedes(later: Stand, stand: Stand, cell: Cell, at: Date): boolean {
  if (later.decision === stand.decision || later.force < stand.force || !equallySpecific(later, stand) || covers(later, cell) !== 'all') return false;
  if (stand.effect === 'deny') return later.effect === 'permit' && holds(later, at);
  return (later.effect === 'deny' && !later.bounding) || (later.effect === 'permit' && later.force === stand.force && (!later.from || later.from <= at));
}

/**
 * Does the permission prevail over the refusal? By force; between decisions of equal force the more specific wins, but never
 * an older one over a later refusal of the whole record: who says no to everything means it.
 */
function prevails(permit: Stand, deny: Stand): boolean {
  if (permit.decision === deny.decision) return false;
  if (deny.bounding) return true;
  if (permit.force !== deny.force) return permit.force > deny.force;
  return !(deny.sweeping && deny.at >= permit.at) && moreSpecific(permit, deny);
}

export interface Verdict {
  /** The permission that opens the cell, or some of it; nothing: it is refused, or nobody opened it. */
  readonly by?: Stand;
  /** Something in the cell may be refused: what is known in it is to be judged one by one. */
  readonly inPart: boolean;
  /** The refusal that prevails, if there is one. */
  readonly against?: Stand;
}

/**
 * Judges a cell at an instant.
 *
 * @param stands of all decisions of the person, in any order
 * @param implied what stands for this very cell without anybody having decided (implied consent)
 */
export function judge(cell: Cell, stands: readonly Stand[], at: Date, implied?: Stand): Verdict {
  const about = stands.map((stand) => ({ stand, cover: covers(stand, cell) })).filter(({ cover }) => cover !== 'none');
  const all = about.map(({ stand }) => stand);
  // What is not known to lie outside a refusal lies in it: a resource whose referral is unknown.
  const whole = about.filter(({ stand, cover }) => cover === 'all' || (cell.item !== undefined && stand.effect === 'deny')).map(({ stand }) => stand);
  const valid = (stand: Stand): boolean => holds(stand, at) && !superseded(stand, all, cell, at);
  const denies = whole.filter((stand) => stand.effect === 'deny' && valid(stand));
  const exceptions = all.filter((stand) => stand.effect === 'deny' && !whole.includes(stand) && holds(stand, at));
  const permits = [...whole.filter((stand) => stand.effect === 'permit' && valid(stand)), ...(implied ? [implied] : [])].sort(weightiest);
  const over = (permit: Stand, deny: Stand): boolean => prevails(permit, deny) || (permit.force === IMPLIED && deny.onlyFor !== undefined);
  const winners = permits.filter((permit) => denies.every((deny) => over(permit, deny)));
  const clear = winners.find((permit) => exceptions.every((deny) => over(permit, deny)));
  if (clear) return { by: clear, inPart: false };
  if (winners[0]) return { by: winners[0], inPart: true };
  const against = denies.find((deny) => !deny.bounding);
  return { inPart: false, ...(against ? { against } : {}) };
}

const weightiest = (a: Stand, b: Stand): number => b.force - a.force || b.at.getTime() - a.at.getTime() || (a.decision < b.decision ? -1 : 1);
