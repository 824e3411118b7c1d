import { locationId, serviceOf, type Pathway, type PathwayService } from '@baton/contracts';
import type { Patient, Resource } from '@baton/fhir';
import { londonDay, type Caller, type Violation } from '@baton/kernel';
import type { Reader, Tx } from '@baton/postgres';
import { judge, type ReferralToJudge, type Room, type Verdict } from './eligibility.js';
import { routeOf, type Route } from './ineligible.js';
import { serviceInForce } from './pathway.store.js';
import { caseload, type Caseload } from './referral.store.js';
import { formFaults, hasContactDetails, oneService, requestFacts, youngPersonOf, type RequestFacts } from './service-request.fhir.js';

/** What a referral would meet with. */
export interface Assessment {
  readonly verdict: Verdict;
  /** HealthcareService id and the version it was judged by; nothing where no pathway has such a service. */
  readonly judgedBy?: { readonly service: string; readonly pathway: string; readonly version: string };
  readonly route?: Route;
}

/**
 * Is this young person eligible for the service that the ServiceRequest names, as of now? For requests that only ask
 * (BaRS `validation`): nothing is stored, and neither resource need be. References inside may still be `urn:uuid:`.
 *
 * @param serviceRequest its performer is one HealthcareService, by reference or by its DoS service id
 * @param patient the young person, as sent
 * @returns the verdict with every reason against it
 */
export async function assess(tx: Tx, caller: Caller, serviceRequest: Resource, patient: Resource | undefined): Promise<Assessment> {
  const facts = requestFacts(serviceRequest);
  const faults = formFaults(serviceRequest, caller.partner);
  const found = facts.service && (await serviceInForce(tx, facts.service, tx.now));
  if (!found) {
    const reasons = facts.service ? [...faults, unknownService] : faults;
    return { verdict: { eligible: false, violations: reasons as [Violation, ...Violation[]] } };
  }
  const { pathway, service } = found;
  const asked = { facts, pathway, service, referrer: caller.partner, patient: patient as unknown as Patient | undefined, now: tx.now };
  const verdict = verdictOn({ ...asked, faults, room: await roomFor(tx, pathway, service, facts.site) });
  const taken = serviceOf(pathway, service);
  return {
    verdict,
    judgedBy: { service, pathway: pathway.id, version: pathway.version },
    ...(taken ? { route: routeOf(pathway, taken, toJudge(asked)) } : {}),
  };
}

/** No pathway has such a service. */
export const unknownService: Violation = { rule: 'service-unknown', says: 'No pathway in force has such a service.', at: ['ServiceRequest.performer'], code: 'business-rule' };

interface Asked {
  readonly facts: RequestFacts;
  readonly pathway: Pathway;
  /** HealthcareService id. */
  readonly service: string;
  readonly referrer: string;
  readonly patient: Patient | undefined;
}

/** The referral as the rules of the pathway ask about it. */
export const toJudge = ({ facts, service, referrer, patient }: Asked): ReferralToJudge => ({
  service,
  site: facts.site,
  referrer,
  source: facts.source,
  codings: facts.codings,
  contains: [...facts.contains, ...(hasContactDetails(patient) ? (['contact-details'] as const) : [])],
});

/** Judges a referral received now, and names what is wrong with its form along with what stands against it. */
export function verdictOn(asked: Asked & { readonly now: Date; readonly faults: readonly Violation[]; readonly room: Room | undefined }): Verdict {
  const { pathway, now, faults, room } = asked;
  const verdict = judge({ youngPerson: youngPersonOf(asked.patient, londonDay(now)), referral: toJudge(asked), receivedAt: now, pathway, room });
  const [first, ...more] = [...faults.filter((fault) => fault !== oneService), ...(verdict.eligible ? [] : verdict.violations)];
  return first ? { eligible: false, violations: [first, ...more] } : verdict;
}

/** How many young people the service (or its chosen site) can support at a time, where the pathway says so of each site. */
export function capacityOf(pathway: Pathway, service: PathwayService, site: string | undefined): number | undefined {
  const sites = site === undefined ? service.sites : service.sites.filter((each) => locationId(pathway.id, service.id, each.id) === site);
  if (sites.length === 0 || sites.some((each) => each.capacity === undefined)) return undefined;
  return sites.reduce((sum, each) => sum + each.capacity!, 0);
}

/** Room that is left by a count of who is there and who waits. */
export const roomIn = (capacity: number | undefined, { present, ahead }: Caseload): Room | undefined => (capacity === undefined ? undefined : { free: capacity - present, ahead });

async function roomFor(from: Reader, pathway: Pathway, service: string, site: string | undefined): Promise<Room | undefined> {
  const found = serviceOf(pathway, service);
  const capacity = found && capacityOf(pathway, found, site);
  return capacity === undefined ? undefined : roomIn(capacity, await caseload(from, { service, site, capacity }));
}
