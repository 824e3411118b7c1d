import type { EntryRequest } from '@baton/fhir';
import { Refused } from '@baton/kernel';

type Entry = Pick<EntryRequest, 'place' | 'type'>;

/**
 * The same refusal, saying which entry of the Bundle it is about. Anything else that was thrown stays as it is.
 *
 * @param entries of the whole Bundle: what is wrong may lie in another resource than the one that was judged (the age, in the Patient)
 */
export function located(error: unknown, { place, type }: Entry, entries: readonly Entry[] = []): unknown {
  if (!(error instanceof Refused)) return error;
  const entry = `Bundle.entry[${place}]`;
  const where = (at: string): string => {
    const [, of] = /^([A-Z][A-Za-z]*)(?:\.|$)/.exec(at) ?? [];
    if (of === undefined) return `${entry}.${at}`;
    if (of === type) return `${entry}.resource${at.slice(of.length)}`;
    const [one, ...more] = entries.filter((each) => each.type === of);
    return one && more.length === 0 ? `Bundle.entry[${one.place}].resource${at.slice(of.length)}` : `${entry}.resource`;
  };
  const violations = error.violations.map((violation) => ({ ...violation, at: violation.at ? violation.at.map(where) : [entry] }));
  // A kind of refusal may carry more than its base: it must stay what it is.
  return Object.assign(Object.create(Object.getPrototypeOf(error) as object) as Refused, error, { message: error.message, stack: error.stack, violations });
}
