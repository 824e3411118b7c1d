import { Refused } from '@baton/kernel';
import { brokenConstraint, isRetryable, isUnavailable, sqlState } from '@baton/postgres';
import { inWords } from './kafka/client.js';
import { Forgotten } from './life.js';

/**
 * Does it pass by itself? Then the event is tried again for as long as it takes and never parked: a database or
 * dependency that is away or has just recovered, a lock that could not be had, a full disk. Everything else is the event's own trouble.
 */
export function passes(error: unknown): boolean {
  if (error instanceof Refused) return ['unavailable', 'throttled', 'too-early'].includes(error.kind);
  if (error instanceof Forgotten) return true;
  const state = sqlState(error) ?? '';
  return isRetryable(error) || isUnavailable(error) || state.startsWith('53') || ['55P03', '25P03'].includes(state);
}

/** No handler can take the event, whatever it does: what it is was judged before. */
export class CannotBeHandled extends Error {
  override readonly name = 'CannotBeHandled';

  /** @param errorClass words of ours and names of places in the contract; never a value */
  constructor(readonly errorClass: string) {
    super(errorClass);
  }
}

/** What kind of failure, in words that cannot hold personal data: names and codes, never a message. */
export function errorClass(error: unknown): string {
  if (error instanceof CannotBeHandled) return error.errorClass;
  if (error instanceof Refused) return `Refused ${error.kind}: ${error.violations.map((violation) => violation.rule).join(', ')}`;
  const state = sqlState(error);
  if (state) return `PostgreSQL ${[state, brokenConstraint(error)].filter(Boolean).join(' ')}`;
  if (error instanceof Error && error.name.startsWith('KafkaJS')) return inWords(error);
  return error instanceof Error ? error.constructor.name : typeof error;
}
