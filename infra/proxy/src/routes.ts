export interface Route {
  /** Path prefix, matched by whole segments: `/fhir/R4/Task` matches `/fhir/R4/Task`, `/fhir/R4/Task/1` and `/fhir/R4/Task?x`, not `/fhir/R4/TaskX`. */
  readonly prefix: string;
  /** The group that answers there. */
  readonly to: string;
}

/**
 * Which group answers an address. Paths are compared as they were sent: an escaped spelling of a prefix is another path.
 *
 * @param otherwise group of everything that no route names
 * @returns from a request's path with query to its group; the longest prefix wins
 */
export function groupOf(routes: readonly Route[], otherwise: string): (target: string) => string {
  const longestFirst = routes.map(({ prefix, to }) => ({ prefix: prefix.replace(/\/+$/, ''), to })).sort((a, b) => b.prefix.length - a.prefix.length);
  return (target) => longestFirst.find(({ prefix }) => target.startsWith(prefix) && endsSegment(target[prefix.length]))?.to ?? otherwise;
}

const endsSegment = (next: string | undefined): boolean => next === undefined || next === '/' || next === '?';
