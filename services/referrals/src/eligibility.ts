import {
  EXCLUSION, REFERRAL_CONTENT, REFERRAL_SOURCE, locationId, partnerOf, serviceOf, servicesOf, type Pathway, type PathwayRoute, type PathwayService, type ReferralContent, type ReferralSource,
} from '@baton/contracts';
import { ageOn, londonDay, type Violation } from '@baton/kernel';

export interface YoungPerson {
  /** FHIR date, maybe less exact than a day. */
  readonly birthDate?: string | undefined;
  /** Codes or names of where they live, from the addresses in use (district, city, state …); none when not known. */
  readonly places?: readonly string[] | undefined;
}

/** What the rules of a pathway ask about a referral. */
export interface ReferralToJudge {
  /** HealthcareService id. */
  readonly service: string;
  /** Location id of the site, if one was chosen. */
  readonly site?: string | undefined;
  /** Partner that refers. */
  readonly referrer: string;
  /** Coded source of referral, if the referral names one. */
  readonly source?: string | undefined;
  /** Codings given as reason or exclusion: one that the service excludes stands against the referral. */
  readonly codings: readonly { readonly system?: string | undefined; readonly code: string }[];
  readonly contains: readonly ReferralContent[];
}

/** Room as the provider publishes it. */
export interface Room {
  readonly free: number;
  readonly ahead: number;
  readonly expectedDays?: number | undefined;
}

export type Verdict =
  | { readonly eligible: true; readonly waiting?: { readonly ahead: number; readonly expectedDays?: number } }
  | { readonly eligible: false; readonly violations: readonly [Violation, ...Violation[]] };

export interface Judged {
  readonly youngPerson: YoungPerson;
  readonly referral: ReferralToJudge;
  readonly receivedAt: Date;
  /** The version in force at that instant. */
  readonly pathway: Pathway;
  readonly room?: Room | undefined;
}

/**
 * Is the young person eligible for the service, by the pathway in force when the referral is received? Every reason
 * against it is found, not only the first. Full is no reason: the young person waits, and the wait is stated.
 * No sentence tells anything about the young person that the referrer did not send.
 */
export function judge({ youngPerson, referral, receivedAt, pathway, room }: Judged): Verdict {
  const today = londonDay(receivedAt);
  const service = serviceOf(pathway, referral.service);
  if (!service) return refused([fault('service-unknown', 'The pathway in force has no such service.', 'ServiceRequest.performer')]);
  const violations = [
    ...(today < pathway.inForceFrom ? [fault('pathway-not-in-force', `The pathway is in force from ${pathway.inForceFrom}.`, 'ServiceRequest.performer')] : []),
    ...(service.acceptsReferrals ? routeFaults(pathway, service, referral, today) : [fault('service-takes-no-referrals', `${service.name} gives advice only: ring ${service.phone}.`, 'ServiceRequest.performer')]),
    ...ageFaults(service, youngPerson.birthDate, today),
    ...localityFaults(pathway, service, youngPerson.places ?? [], referral.site),
    ...exclusionFaults(service, referral.codings),
    ...contentFaults(service, referral.contains),
  ];
  if (violations.length > 0) return refused(violations);
  if (!room || room.free > 0) return { eligible: true };
  return { eligible: true, waiting: { ahead: room.ahead, ...(room.expectedDays === undefined ? {} : { expectedDays: room.expectedDays }) } };
}

const fault = (rule: string, says: string, at: string, code = 'business-rule'): Violation => ({ rule, says, at: [at], code });

const refused = (violations: readonly Violation[]): Verdict => ({ eligible: false, violations: violations as readonly [Violation, ...Violation[]] });

/** A referral comes in by a route from a service its referrer acts for, or from a coded source it may refer as. */
function routeFaults(pathway: Pathway, service: PathwayService, referral: ReferralToJudge, today: string): Violation[] {
  const partner = partnerOf(pathway, referral.referrer);
  const coded = partner?.refersAs ?? [];
  const { source } = referral;
  if (source !== undefined && !(coded as readonly string[]).includes(source)) {
    return [fault('source-not-yours', 'The pathway does not let you refer as this source of referral.', 'ServiceRequest.extension(referral-source)')];
  }
  // A source that is named narrows the way in; otherwise any of the referrer's ways may be open.
  const froms = new Set<string>(source === undefined ? [...(partner ? servicesOf(partner) : []), ...coded] : [source]);
  const routes = service.routes.filter((route) => froms.has(route.from));
  if (routes.some((route) => isOpen(route, today))) return [];
  if (routes.length === 0) return [fault('no-route', `${service.name} takes no referrals from you by this pathway.`, 'ServiceRequest.performer')];
  const opens = routes.map((route) => route.opens).filter((day) => day > today).toSorted()[0];
  const as = [...new Set(routes.map(({ from }) => pathway.services.find(({ id }) => id === from)?.name ?? REFERRAL_SOURCE.codes[from as ReferralSource] ?? from))].join(' or ');
  if (opens !== undefined) return [fault('route-not-yet-open', `${service.name} takes referrals from you (${as}) from ${opens} on.`, 'ServiceRequest.performer')];
  const closed = routes.map((route) => route.closes ?? '').toSorted().at(-1);
  return [fault('route-closed', `${service.name} takes no referrals from you (${as}) since ${closed}.`, 'ServiceRequest.performer')];
}

const isOpen = (route: PathwayRoute, today: string): boolean => route.opens <= today && (route.closes === undefined || today < route.closes);

/** Age in full years on the day of receipt; a birth date that is not exact counts when it may be in the band. */
function ageFaults(service: PathwayService, birthDate: string | undefined, today: string): Violation[] {
  if (!birthDate) return [fault('birth-date-missing', 'The age cannot be judged without a birth date.', 'Patient.birthDate', 'required')];
  const { from, to } = service.ageBand;
  const age = ageOn(birthDate, today);
  if (age.oldest >= from && age.youngest <= to) return [];
  return [fault('age-outside-band', `${service.name} is for ages ${from} to ${to} on the day of receipt.`, 'Patient.birthDate')];
}

/** No known address stands against nobody: someone without a fixed home is helped where they are. */
function localityFaults(pathway: Pathway, service: PathwayService, places: readonly string[], site: string | undefined): Violation[] {
  const chosen = siteOf(pathway, service, site);
  if (site !== undefined && !chosen) return siteFaults(pathway, service, site);
  if (places.length === 0) return [];
  const named = new Set(places.map(folded));
  const homes = pathway.localities.filter((locality) => [locality.code, locality.name, ...locality.places].some((name) => named.has(folded(name)))).map((locality) => locality.code);
  const faults: Violation[] = [];
  if (!homes.some((code) => service.localities.includes(code))) faults.push(fault('locality-not-served', `${service.name} does not serve where the young person lives.`, 'Patient.address'));
  else if (chosen && !chosen.remote && !homes.some((code) => chosen.localities.includes(code))) {
    faults.push(fault('site-outside-locality', `${chosen.name} does not serve where the young person lives; leave the site out or choose another.`, 'ServiceRequest.locationReference'));
  }
  return faults;
}

const siteOf = (pathway: Pathway, service: PathwayService, site: string | undefined) => service.sites.find((each) => locationId(pathway.id, service.id, each.id) === site);

/** A site that is named is one of the service's. */
export const siteFaults = (pathway: Pathway, service: PathwayService, site: string | undefined): Violation[] =>
  site === undefined || siteOf(pathway, service, site) ? [] : [fault('unknown-site', `${service.name} has no such site.`, 'ServiceRequest.locationReference')];

const folded = (name: string): string => name.trim().toLowerCase();

function exclusionFaults(service: PathwayService, codings: ReferralToJudge['codings']): Violation[] {
  const applies = (system: string, code: string) => codings.some((coding) => coding.system === system && coding.code === code);
  return service.exclusions
    .filter((exclusion) => applies(EXCLUSION.system, exclusion.code) || exclusion.carriedAs.some((coding) => applies(coding.system, coding.code)))
    .map((exclusion) => fault(`excluded-${exclusion.code}`, `${service.name} is not for this: ${exclusion.display}.`, 'ServiceRequest.reasonCode'));
}

/** What the pathway demands of a referral, and is not in it. */
export function contentFaults(service: PathwayService, contains: readonly ReferralContent[]): Violation[] {
  return service.referralMustContain
    .filter((content) => !contains.includes(content))
    .map((content) => fault(`${content}-missing`, `A referral to ${service.name} says: ${REFERRAL_CONTENT.codes[content].toLowerCase()}.`, 'ServiceRequest', 'required'));
}
