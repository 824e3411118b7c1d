import { partnerOf, servicesOf, type Pathway, type PathwayService } from '@baton/contracts';
import { Refused, type Violation } from '@baton/kernel';
import type { ReferralToJudge } from './eligibility.js';

/** The way a referral came, as it is counted. */
export interface Route {
  /** HealthcareService id it was for. */
  readonly service: string;
  /** The service it came from or its coded source; the partner, where it came by no route of the pathway. */
  readonly from: string;
}

/**
 * A referral that was understood and is not eligible: nothing of it is stored. That it was refused, by which route and
 * for which reasons, is counted in a transaction of its own (`recordIneligible`).
 */
export class Ineligible extends Refused {
  constructor(
    readonly route: Route,
    violations: readonly [Violation, ...Violation[]],
  ) {
    super('rule-broken', violations);
  }
}

/** The route a referral takes into a service, open or not: the first of the pathway's that its referrer may come by. */
export function routeOf(pathway: Pathway, service: PathwayService, referral: Pick<ReferralToJudge, 'service' | 'referrer' | 'source'>): Route {
  const partner = partnerOf(pathway, referral.referrer);
  const own: readonly string[] = partner ? [...servicesOf(partner), ...partner.refersAs] : [];
  const froms = referral.source === undefined ? own : own.filter((from) => from === referral.source);
  return { service: referral.service, from: service.routes.find((route) => froms.includes(route.from))?.from ?? referral.referrer };
}
