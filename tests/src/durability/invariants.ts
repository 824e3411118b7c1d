/** The invariants that a run shows, as numbered where all of them are listed (docs/durability.md). */
export const INVARIANTS = {
  1: 'no acknowledged change is lost',
  2: 'no event without a change, no change without an event',
  3: 'one logical event per change',
  4: 'order per aggregate and per young person',
  5: 'one effect per consumer and event',
  8: 'one audit entry per disclosure and person',
  9: 'at rest nothing is left to do, numbers have no gaps, and projections are what a rebuild makes of them',
  11: 'a repeated request has one effect',
  12: 'recovery without a person',
} as const;

export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: Invariant;
  /** What was seen, with ids; no personal data. */
  readonly says: string;
}

/** A violation in a sentence. */
export const sentence = ({ invariant, says }: Violation): string => `${invariant} (${INVARIANTS[invariant]}): ${says}`;
