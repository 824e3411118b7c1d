/** Milliseconds after which a reading is taken anew. */
const HOLDS_MS = 5_000;
/** So far the two clocks of this machine may part before a reading is taken anew: one of them was set, or the machine slept. */
const MAY_PART_MS = 20;

/**
 * The database's time, kept between readings by this machine's clock, so that a transaction need not ask for it. A reading is
 * older than its arrival: what is told here is never ahead of the database, and behind it by the way of that answer.
 */
export class DatabaseClock {
  private ahead = 0;
  private readAt = -Infinity;
  private parted = 0;

  /** @returns whether `now` may be asked, or a reading has to be taken first */
  get holds(): boolean {
    return performance.now() - this.readAt < HOLDS_MS && Math.abs(Date.now() - performance.now() - this.parted) < MAY_PART_MS;
  }

  /** Takes a reading, just arrived. */
  read(time: Date): void {
    this.readAt = performance.now();
    this.parted = Date.now() - this.readAt;
    this.ahead = time.getTime() - this.readAt;
  }

  /** @returns whole milliseconds, never less than told before within one holding */
  now(): Date {
    return new Date(Math.floor(performance.now() + this.ahead));
  }
}
