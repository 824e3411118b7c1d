/** What operators start and this process does in the background: a retry of parked keys, a replay. */

const BEAT_MS = 1_000;

/** Without a sign of life for so long, in milliseconds, a job counts as dead. */
export const DEAD_AFTER_MS = 10_000;

/** How long it is known afterwards, as an interval of PostgreSQL. */
export const REMEMBERED = '30 days';

/** Does the work, and notes each second how far it is. A note that fails is followed by another. */
export async function withBeats<T>(note: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  const beat = setInterval(() => void note().catch(() => undefined), BEAT_MS);
  beat.unref();
  return work().finally(() => clearInterval(beat));
}
