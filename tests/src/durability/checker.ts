import { auditViolations } from './audited.js';
import type { History } from './history.js';
import type { Violation } from './invariants.js';
import { keptViolations } from './kept.js';
import { orderViolations } from './order.js';
import { toldViolations } from './told.js';

/** Judges what a run left behind. @returns nothing where every promise was kept */
export function check(history: History): Violation[] {
  return [...keptViolations(history), ...toldViolations(history), ...orderViolations(history), ...auditViolations(history), ...restViolations(history.rest)];
}

/** Invariant 9, of what is 0 when nothing is left to do. */
export const restViolations = (rest: History['rest']): Violation[] =>
  Object.entries(rest).flatMap(([gauge, value]) => (value === 0 ? [] : [{ invariant: 9 as const, says: `${gauge} is ${value}` }]));
