import { SCHEDULE, type Schedule } from './delivery.js';

/** What the workers go by; tests make it quicker. */
export interface DeliverySettings {
  readonly schedule: Schedule;
  /** Milliseconds after the check of consent in which the first byte must go out. */
  readonly freshMs: number;
  /** Milliseconds between looks that nothing asked for: when the last of them found something, and when it did not. */
  readonly busyMs: number;
  readonly idleMs: number;
  /** 0 … 1 */
  readonly random: () => number;
}

export const DELIVERY_SETTINGS: DeliverySettings = { schedule: SCHEDULE, freshMs: 1_000, busyMs: 25, idleMs: 500, random: Math.random };
