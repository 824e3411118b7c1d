/**
 * Hints between parts of one process that there is something to do: a command committed, a batch was appended. A hint
 * may be lost, doubled or meant for another database: that costs latency or one look in vain, never correctness. So
 * nobody has to be wired to whom they wake.
 */

/** Where a hint arose: in this process, or in another one (it came by NOTIFY and must not be passed on). */
export type RungFrom = 'here' | 'elsewhere';

export type Bell = `outbox.${string}` | `log.${string}`;

const listeners = new Map<Bell, Set<(from: RungFrom) => void>>();

/** Wakes whoever waits for this bell; returns at once. */
export function ring(bell: Bell, from: RungFrom = 'here'): void {
  for (const listener of listeners.get(bell) ?? []) listener(from);
}

/** Calls the listener at every ring. @returns how to stop that */
export function onRing(bell: Bell, listener: (from: RungFrom) => void): () => void {
  const set = listeners.get(bell) ?? new Set();
  listeners.set(bell, set.add(listener));
  return () => void set.delete(listener);
}
