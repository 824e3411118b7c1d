import { SCHEDULE, type Schedule } from './delivery.js';

/** What the workers go by; tests make it quicker. */
export interface DeliverySettings {
  readonly schedule: Schedule;
  /** Milliseconds after the check of consent in which the first byte must go out. */
  readonly freshMs: number;
  /** Milliseconds between looks when there was work within the last second, and when there was none. */
  readonly busyMs: number;
  readonly idleMs: number;
  /** 0 … 1 */
  readonly random: () => number;
}

export const DELIVERY_SETTINGS: DeliverySettings = { schedule: SCHEDULE, freshMs: 1_000, busyMs: 25, idleMs: 500, random: Math.random };
