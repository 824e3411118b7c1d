/**
 * Hints inside one process that there is something to deliver. A lost hint costs latency, never a delivery: workers look by
 * themselves as well.
 */
const listeners = new Set<() => void>();

/** Wakes the delivery workers of this process. */
export function wakeDeliveries(): void {
  for (const listener of listeners) listener();
}

/** @returns how to stop listening */
export function onDeliveriesWoken(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
