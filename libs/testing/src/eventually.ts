import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again until the check passes, and gives back what it gave: for everything that happens a little later by itself.
 * The check passes when it returns, without throwing, anything but `false`.
 * @param within milliseconds; default 5,000
 * @throws what the check threw last, once the time is over; {@link NotYet} if it was false
 */
export async function eventually<T>(check: () => T | Promise<T>, { within = 5_000, every = 15 }: { within?: number; every?: number } = {}): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    try {
      const result = await check();
      if (result !== false) return result;
      if (Date.now() > deadline) throw new NotYet(`The check was still false after ${within} ms.`);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(every);
  }
}

class NotYet extends Error {
  override readonly name = 'NotYet';
}
