/** What should be so at the end of the demonstration, in the order in which it is shown. */
export const EXPECTED = {
  stored: 'Young person, alert and referral are stored together',
  notified: 'The charity is notified, signed, ids only',
  read: 'It may read what the referral names',
  accepted: 'It accepts',
  told: 'The trust is told that it accepted',
  contact: 'A contact names the referral; the episode is there',
  started: 'The referral is in progress, and the trust is told',
  forged: 'A notification not signed by Baton is turned away',
  withdrawn: 'The young person withdraws consent',
  refused: 'From then on the charity finds nothing of it',
  lost: 'It is told that it lost access, without content',
  cancelled: 'The referral is cancelled, and the trust is told why',
  kept: 'The charity keeps what it wrote itself',
  unseen: 'The unrelated partner saw nothing throughout',
  unknowable: 'What is hidden looks to it like what never existed',
  bare: 'No name and no NHS number in any notification',
  signed: 'Every notification was signed by Baton',
} as const;

export type Expected = keyof typeof EXPECTED;

export interface Finding {
  readonly ok: boolean;
  /** How it was. */
  readonly was: string;
}

/** What was found of each thing that should be so; the first finding against it stays. */
export class Ledger {
  private readonly findings = new Map<Expected, Finding>();

  note(expected: Expected, ok: boolean, was: string): void {
    if (this.findings.get(expected)?.ok === false) return;
    this.findings.set(expected, { ok, was });
  }

  /** All that was expected, and what was found; what was not reached has no finding. */
  all(): { expected: Expected; says: string; finding: Finding | undefined }[] {
    return (Object.keys(EXPECTED) as Expected[]).map((expected) => ({ expected, says: EXPECTED[expected], finding: this.findings.get(expected) }));
  }

  /** Everything was as it should be, and everything was looked at. */
  good(): boolean {
    return this.all().every(({ finding }) => finding?.ok === true);
  }
}
