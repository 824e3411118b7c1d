import type { EntryRequest } from '@baton/fhir';
import { Refused } from '@baton/kernel';

/** The same refusal, saying which entry of the Bundle it is about. Anything else that was thrown stays as it is. */
export function located(error: unknown, { place, type }: Pick<EntryRequest, 'place' | 'type'>): unknown {
  if (!(error instanceof Refused)) return error;
  const entry = `Bundle.entry[${place}]`;
  const where = (at: string): string => (at === type || at.startsWith(`${type}.`) ? `${entry}.resource${at.slice(type.length)}` : `${entry}.${at}`);
  const violations = error.violations.map((violation) => ({ ...violation, at: violation.at ? violation.at.map(where) : [entry] }));
  // A kind of refusal may carry more than its base: it must stay what it is.
  return Object.assign(Object.create(Object.getPrototypeOf(error) as object) as Refused, error, { message: error.message, stack: error.stack, violations });
}
