/** Work did not end in the time it was given. It may go on; nobody waits for it. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

/**
 * Waits for work that may never end, but not for ever.
 * @param ms milliseconds
 * @throws OutOfTime; what the work threw, if in time
 */
export async function inTime<T>(ms: number, work: T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new OutOfTime(`Not within ${ms} ms`)), ms)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
