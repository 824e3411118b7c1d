/** Failures in a row after which an endpoint is only probed. */
const OPENS_AFTER = 5;
const FIRST_PAUSE = 500;
/** Well below the time an alarm waits between two attempts. */
const LONGEST_PAUSE = 5_000;

/**
 * Spares an endpoint that does not answer, and the workers that would wait for it: after some failures in a row it gets one request at
 * a time, after pauses that grow. It decides when to try, never what becomes of an event.
 */
export class Breaker {
  private failures = 0;
  private closedUntil = 0;

  /** @param most requests at the same time when all is well @returns how many the endpoint may have at `now` */
  room(most: number, now: number): number {
    if (this.failures < OPENS_AFTER) return most;
    return now >= this.closedUntil ? 1 : 0;
  }

  get isOpen(): boolean {
    return this.failures >= OPENS_AFTER;
  }

  /** It answered; whatever it said, it is there. */
  answered(): void {
    this.failures = 0;
  }

  /** It did not answer, or said that it cannot (5xx, 429). */
  failed(now: number): void {
    this.failures++;
    if (this.failures >= OPENS_AFTER) this.closedUntil = now + Math.min(FIRST_PAUSE * 2 ** (this.failures - OPENS_AFTER), LONGEST_PAUSE);
  }
}
