import type { Decision, Openable } from '../decision.js';
import type { AccessRow } from '../effective-access.js';
import type { Facts, Sharing } from '../sharing.js';

export const NOW = new Date('2026-11-25T12:00:00Z');
export const day = (days: number): Date => new Date(NOW.getTime() + days * 86_400_000);

/** A permission of the trust for the charity to see the whole record; or whatever is said instead. */
export const decision = (more: Partial<Decision> = {}): Decision => ({
  id: 'd1', patient: 'p1', recorder: 'trust', effect: 'permit', recipients: ['charity'], scope: { kind: 'record' }, withheld: [], purpose: 'TREAT', basis: 'explicit', justified: false,
  dateTime: day(-10), status: 'active', reach: [], ...more,
});

/** The plain refusal: everything, for everyone. */
export const plainDeny = (more: Partial<Decision> = {}): Decision => decision({ id: 'no', effect: 'deny', recipients: 'everyone-but-owner', ...more });

/** The trust refers to the charity, which a partner delivers for. */
export const sharing = (more: Partial<Sharing> = {}): Sharing => ({
  referral: 'r1', version: 0, state: 'undecided', patient: 'p1', referrer: 'trust', service: 's1', recipients: ['charity', 'club'], named: ['Flag/f1'], allowed: [], implied: 'i1', closed: false, ...more,
});

export interface Thing {
  readonly item: string;
  readonly patient: string;
  readonly owner: string;
  readonly category: Openable;
  readonly context: string | null;
}

/** What there is of the young person: of each partner, in and out of the referral. */
export const THINGS: readonly Thing[] = [
  { item: 'Patient/p1', patient: 'p1', owner: 'trust', category: 'demographics', context: null },
  { item: 'ServiceRequest/r1', patient: 'p1', owner: 'trust', category: 'referral', context: 'r1' },
  { item: 'Task/t1', patient: 'p1', owner: 'trust', category: 'referral', context: 'r1' },
  { item: 'ServiceRequest/r2', patient: 'p1', owner: 'trust', category: 'referral', context: 'r2' },
  { item: 'Flag/f1', patient: 'p1', owner: 'trust', category: 'alert', context: null },
  { item: 'Flag/f2', patient: 'p1', owner: 'trust', category: 'alert', context: null },
  { item: 'Flag/f3', patient: 'p1', owner: 'camhs', category: 'alert', context: null },
  { item: 'Observation/o1', patient: 'p1', owner: 'trust', category: 'measure', context: null },
  { item: 'EpisodeOfCare/e1', patient: 'p1', owner: 'charity', category: 'episode', context: 'r1' },
  { item: 'Encounter/c1', patient: 'p1', owner: 'charity', category: 'contact', context: 'r1' },
  { item: 'CarePlan/cp1', patient: 'p1', owner: 'charity', category: 'plan', context: 'r1' },
  { item: 'Patient/p2', patient: 'p2', owner: 'camhs', category: 'demographics', context: null },
  { item: 'Flag/f4', patient: 'p2', owner: 'camhs', category: 'alert', context: null },
  { item: 'Observation/o2', patient: 'p2', owner: 'trust', category: 'measure', context: null },
];

export const facts = (more: Partial<Facts> = {}): Facts => ({ now: NOW, patients: ['p1'], items: THINGS, ...more });

/** Design §4, "Who sees", said once more: does a row open this to the partner at that instant? */
export const opens = (rows: readonly AccessRow[], thing: Thing, recipient: string, at: Date): AccessRow | undefined =>
  rows.find(
    (row) =>
      row.patient === thing.patient && row.recipient === recipient && (row.owner ?? thing.owner) === thing.owner &&
      (row.item === thing.item || (row.item === null && row.category === thing.category && (row.context === null || row.context === thing.context))) &&
      row.validFrom <= at && (row.validUntil === null || at < row.validUntil),
  );

/** Everything a partner sees of others, as `item`s. */
export const seen = (rows: readonly AccessRow[], recipient: string, at = NOW): string[] => THINGS.filter((thing) => thing.owner !== recipient && opens(rows, thing, recipient, at)).map(({ item }) => item);
