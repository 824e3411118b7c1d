/** Milliseconds between looks: shortest, longest within a second of work that nobody rang for, longest otherwise. */
export interface Pace {
  readonly shortest: number;
  readonly busy: number;
  readonly idle: number;
  /** Two looks that find work begin at least so far apart. */
  readonly apart: number;
}

export const PACE: Pace = { shortest: 5, busy: 50, idle: 1000, apart: 5 };

/**
 * Rhythm of a worker that polls: at once when rung, slow otherwise. Work that nobody rang for shows that somebody works who does
 * not ring (another process): for a while it looks quickly then.
 */
export class Pulse {
  private rung = false;
  /** The last rest was ended or skipped by a ring. */
  private called = false;
  private stopped = false;
  private endRest: (() => void) | undefined;
  private endBackOff: (() => void) | undefined;
  private pause: number;
  private lastFound = -Infinity;
  private lookedAt = -Infinity;

  constructor(private readonly pace: Pace = PACE) {
    this.pause = pace.idle;
  }

  /** There may be work: ends the present rest, or skips the next one. */
  ring(): void {
    this.rung = true;
    this.endRest?.();
  }

  /** Ends the present wait, a back-off too, or skips the next one: for a worker that is to stop. */
  stop(): void {
    this.stopped = true;
    this.endBackOff?.();
    this.ring();
  }

  /** Notes that a look begins. */
  look(): void {
    this.lookedAt = performance.now();
  }

  /**
   * After a look that found work: lets a little more come together before the next one. What comes after a quiet moment is
   * taken at once; under load one look, with its statements and its commit, serves what several would have.
   */
  async gather(): Promise<void> {
    const left = this.lookedAt + this.pace.apart - performance.now();
    if (left < 1 || this.stopped) return;
    await sleep(left, (end) => (this.endBackOff = end));
    this.endBackOff = undefined;
  }

  /** Notes that there was work: the next rests are short if nobody rang for it. */
  worked(): void {
    if (this.called) return;
    this.lastFound = performance.now();
    this.pause = this.pace.shortest;
  }

  /** Waits for a ring, so many milliseconds at most. @returns whether it is rung: the next rest is skipped then */
  async rings(within: number): Promise<boolean> {
    await this.untilRung(within);
    return this.rung;
  }

  /** Waits until it is rung, or for as long as the rhythm says. */
  async rest(): Promise<void> {
    await this.untilRung(this.pause);
    this.called = this.rung;
    this.rung = false;
    const longest = performance.now() - this.lastFound < 1000 ? this.pace.busy : this.pace.idle;
    this.pause = Math.min(this.pause * 2, longest);
  }

  private async untilRung(atMost: number): Promise<void> {
    if (this.rung) return;
    await sleep(atMost, (end) => (this.endRest = end));
    this.endRest = undefined;
  }

  /** Waits after a failure; a ring does not shorten it. The n-th failure in a row waits twice as long as the one before, 5 s at most. */
  async backOff(failures: number): Promise<void> {
    if (this.stopped) return void (this.stopped = false);
    await sleep(Math.min(20 * 2 ** Math.min(failures, 10), 5000), (end) => (this.endBackOff = end));
    this.endBackOff = undefined;
  }
}

async function sleep(ms: number, onStart: (end: () => void) => void): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    onStart(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
