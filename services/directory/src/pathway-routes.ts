import { REFERRAL_SOURCE, type Pathway, type PathwayRoute, type PathwayService } from '@baton/contracts';
import type { Violation } from '@baton/kernel';

const breach = (rule: string, says: string, ...at: string[]): Violation => ({ rule, says, at, code: 'business-rule' });

const isCoded = (from: string): boolean => Object.hasOwn(REFERRAL_SOURCE.codes, from);

/** Not closed for good before this version is judged by. */
const everOpen = (route: PathwayRoute, pathway: Pathway): boolean => route.closes === undefined || (route.closes > route.opens && route.closes > pathway.inForceFrom);

/** What is wrong with the ways into one service: days, gaps, overlaps, routes nobody needs. */
export function routeViolations(service: PathwayService, i: number): Violation[] {
  const at = (j: number) => `services[${i}].routes[${j}]`;
  const found: Violation[] = [];
  if (!service.acceptsReferrals && service.routes.length > 0) {
    found.push(breach('routes-into-advice-only', `${service.id} gives advice only: nobody refers to it.`, `services[${i}].routes`));
  }
  const phases = new Map<string, { route: PathwayRoute; j: number }[]>();
  service.routes.forEach((route, j) => {
    if (route.from === service.id) found.push(breach('route-from-itself', `${service.id} does not refer to itself.`, at(j)));
    if (route.closes !== undefined && route.closes <= route.opens) found.push(breach('route-never-open', `Closes on ${route.closes}, before it was open for a day.`, at(j)));
    phases.set(route.from, [...(phases.get(route.from) ?? []), { route, j }]);
  });
  for (const [from, all] of phases) {
    const inOrder = all.toSorted((a, b) => a.route.opens.localeCompare(b.route.opens));
    inOrder.slice(1).forEach((next, k) => {
      const before = inOrder[k]!;
      const { closes } = before.route;
      if (closes === undefined || closes > next.route.opens) found.push(breach('route-overlap', `From ${from}, two phases are open on ${next.route.opens}.`, at(before.j), at(next.j)));
      else if (closes < next.route.opens) found.push(breach('route-gap', `From ${from}, nobody may refer between ${closes} and ${next.route.opens}.`, at(before.j), at(next.j)));
    });
  }
  return found;
}

/** Step-down and escalation targets that could not take the young person on from here. */
export function targetViolations(pathway: Pathway, service: PathwayService, i: number): Violation[] {
  const kinds = [
    { field: 'stepDownTo', name: 'step-down', advice: false },
    { field: 'escalateTo', name: 'escalation', advice: true },
  ] as const;
  return kinds.flatMap(({ field, name, advice }) =>
    service[field].flatMap((targetId, j) => {
      const at = `services[${i}].${field}[${j}]`;
      const target = pathway.services.find((each) => each.id === targetId);
      if (!target || (advice && !target.acceptsReferrals)) return [];
      if (target === service) return [breach(`${name}-to-itself`, `${service.id} is its own target.`, at)];
      const routes = target.routes.filter((route) => route.from === service.id);
      const found: Violation[] = [];
      if (!target.acceptsReferrals || routes.length === 0) found.push(breach(`${name}-without-route`, `${targetId} takes no referrals from ${service.id}.`, at));
      else if (!routes.some((route) => everOpen(route, pathway))) found.push(breach(`${name}-closed`, `${targetId} is closed to ${service.id} from ${pathway.inForceFrom} on.`, at));
      if (target.ageBand.from > service.ageBand.to || target.ageBand.to < service.ageBand.from) found.push(breach(`${name}-age-mismatch`, `Nobody of an age for ${service.id} is of an age for ${targetId}.`, at));
      return found;
    }),
  );
}

/**
 * Services that take referrals, yet nobody can ever be referred to: without an open route, or only with routes from
 * services that cannot be reached themselves. Coded sources and services that give advice stand outside and can refer.
 */
export function unreachable(pathway: Pathway): Violation[] {
  const reached = new Set(pathway.services.filter((service) => !service.acceptsReferrals).map((service) => service.id));
  const taking = pathway.services.filter((service) => service.acceptsReferrals);
  for (let size = -1; size !== reached.size; ) {
    size = reached.size;
    for (const service of taking) {
      if (service.routes.some((route) => everOpen(route, pathway) && (isCoded(route.from) || (route.from !== service.id && reached.has(route.from))))) reached.add(service.id);
    }
  }
  return pathway.services.flatMap((service, i) =>
    reached.has(service.id) ? [] : [breach('service-unreachable', `Nobody can be referred to ${service.id}: no open route leads to it.`, `services[${i}].routes`)],
  );
}
