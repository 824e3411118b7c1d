import { setTimeout as sleep } from 'node:timers/promises';
import type { Trial } from '../durability/trial.js';
import { amend, refer, type Known } from '../durability/walk.js';
import { NotGranted } from '../durability/careful-partner.js';

/** Far from the persons of the usual load. */
const FIRST_INDEX = 2_000;

interface Referral {
  readonly known: Known;
  amended: number;
  busy: boolean;
}

/** Writes at a steady pace that does not wait for answers: referrals that are amended again and again, one change of each at a time. */
export class SteadyWriter {
  /** Milliseconds that each took from its first sending to its success. */
  private readonly took: number[] = [];
  private refused = 0;
  /** Turns at which every referral was busy. */
  private skipped = 0;
  private readonly underWay = new Set<Promise<void>>();

  private constructor(
    private readonly trial: Trial,
    private readonly referrals: readonly Referral[],
  ) {}

  /** Refers so many young persons, and waits until the receiver sees the last of them. */
  static async open(trial: Trial, persons: number): Promise<SteadyWriter> {
    const { referrer, receiver } = trial.partners;
    const referrals: Referral[] = [];
    for (let index = 0; index < persons; index++) referrals.push({ known: await refer(referrer, FIRST_INDEX + index), amended: 0, busy: false });
    for (const { known } of referrals) await receiver.find(`Task?focus=${known.request}`, ({ body }) => (body.entry?.length > 0 ? true : undefined));
    return new SteadyWriter(trial, referrals);
  }

  /** @param perSecond writes @param until checked before each */
  async write(perSecond: number, until: () => boolean): Promise<void> {
    const began = performance.now();
    for (let turn = 0; !until(); turn++) {
      await sleep(Math.max(0, began + (turn * 1000) / perSecond - performance.now()));
      const free = this.referrals.findIndex(({ busy }, place) => !busy && place >= turn % this.referrals.length);
      const referral = this.referrals[free] ?? this.referrals.find(({ busy }) => !busy);
      if (!referral) this.skipped++;
      else this.begin(referral);
    }
    await Promise.all(this.underWay);
  }

  /** What became of the writes. */
  get figure(): string {
    const sorted = [...this.took].sort((one, other) => one - other);
    const at = (share: number): string => `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)} ms`;
    return `${sorted.length} writes answered 2xx, p50 ${at(0.5)}, p99 ${at(0.99)}, the slowest ${at(1)}; ${this.refused} refused`;
  }

  /** What should not be: writes that were refused, or could not be made at the pace. */
  get broken(): string[] {
    const all = this.took.length + this.refused;
    return [...(this.refused > 0 ? [`${this.refused} writes were not answered 2xx`] : []), ...(this.skipped > all / 20 ? [`${this.skipped} writes could not be made in time: all referrals were busy`] : [])];
  }

  private begin(referral: Referral): void {
    referral.busy = true;
    const began = performance.now();
    const going = amend(this.trial.partners.referrer, referral.known, ++referral.amended)
      .then(
        () => void this.took.push(performance.now() - began),
        (error: unknown) => {
          if (!(error instanceof NotGranted)) throw error;
          this.refused++;
        },
      )
      .finally(() => {
        referral.busy = false;
        this.underWay.delete(going);
      });
    this.underWay.add(going);
  }
}
