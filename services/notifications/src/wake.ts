/**
 * Hints inside one process that there is something to do, each to the worker it is for and to no other. A lost hint costs latency,
 * never a delivery: workers look by themselves as well.
 */
export type Errand = 'deliveries' | 'handshakes' | 'messages';

const listeners: Readonly<Record<Errand, Set<() => void>>> = { deliveries: new Set(), handshakes: new Set(), messages: new Set() };

/** Wakes the workers of this process that run such errands. */
export function wake(errand: Errand): void {
  for (const listener of listeners[errand]) listener();
}

/** @returns how to stop listening */
export function onWoken(errand: Errand, listener: () => void): () => void {
  listeners[errand].add(listener);
  return () => void listeners[errand].delete(listener);
}
