import type { Violation } from './invariants.js';
import type { Arrived, History } from './history.js';

/** Invariant 4, as each receiver saw it: never an older version after a newer, and per young person the numbers in order. */
export function orderViolations(history: History): Violation[] {
  const personOf = new Map(history.asked.flatMap(({ announces }) => announces).map(({ focus, person }) => [focus, person]));
  return history.subscribers.flatMap(({ name }) => {
    const arrived = history.arrived.filter(({ subscription }) => subscription === name);
    return [...olderAfterNewer(name, arrived), ...outOfTurn(name, arrived, personOf)];
  });
}

function olderAfterNewer(name: string, arrived: readonly Arrived[]): Violation[] {
  const newest = new Map<string, number>();
  return arrived.flatMap(({ number, versions }) =>
    Object.entries(versions).flatMap(([reference, version]): Violation[] => {
      const before = newest.get(reference) ?? 0;
      newest.set(reference, Math.max(before, version));
      return version >= before ? [] : [{ invariant: 4, says: `${name} received version ${version} of ${reference} (event ${number}) after version ${before}` }];
    }),
  );
}

/** The first time a number arrives, no higher one of that young person has arrived: a later event waits for the earlier. */
function outOfTurn(name: string, arrived: readonly Arrived[], personOf: ReadonlyMap<string, string>): Violation[] {
  const highest = new Map<string, number>();
  const seen = new Set<number>();
  return arrived.flatMap(({ number, focus }): Violation[] => {
    const person = focus === undefined ? undefined : personOf.get(focus);
    if (seen.has(number) || person === undefined) return [];
    seen.add(number);
    const before = highest.get(person) ?? 0;
    highest.set(person, Math.max(before, number));
    return number > before ? [] : [{ invariant: 4, says: `${name} received event ${number} after event ${before} of the same young person` }];
  });
}
