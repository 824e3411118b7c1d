import { nationalPriority, type FhirPriority } from './codes.js';
import type { Pathway, PathwayPartner, PathwayService } from './pathway.js';

/**
 * FHIR ids of what a pathway file makes, and look-ups in it. The ids are readable and may be guessed: these types are
 * public among partners, and a version that replaces another updates the same resources.
 */

/** Organization of a partner. */
export const organizationId = (partner: string): string => partner;

/** HealthcareService of a service: `<pathway>.<service>`. */
export const healthcareServiceId = (pathway: string, service: string): string => `${pathway}.${service}`;

/** Location of a site: `<pathway>.<service>.<site>`. */
export const locationId = (pathway: string, service: string, site: string): string => `${pathway}.${service}.${site}`;

/** PlanDefinition, the published form of a pathway. */
export const planDefinitionId = (pathway: string): string => pathway;

/** Canonical of a pathway; with a version, `…|<version>`, it names what a referral was judged by. */
export const pathwayCanonical = (pathway: string, version?: string): string => `https://baton.example/fhir/PlanDefinition/${pathway}${version === undefined ? '' : `|${version}`}`;

/** The service a HealthcareService id stands for, if it is one of this pathway. */
export const serviceOf = (pathway: Pathway, healthcareService: string): PathwayService | undefined =>
  pathway.services.find((service) => healthcareServiceId(pathway.id, service.id) === healthcareService);

/** The partner of an id, if it takes part. */
export const partnerOf = (pathway: Pathway, partner: string): PathwayPartner | undefined => pathway.partners.find((each) => each.id === partner);

/** The partner accountable for a service; a checked pathway has exactly one. */
export function providerOf(pathway: Pathway, service: string): PathwayPartner {
  const provider = pathway.partners.find((partner) => partner.provides.includes(service));
  if (!provider) throw new Error(`Service ${service} of pathway ${pathway.id} has no provider`);
  return provider;
}

/** Partners that do the work of a service under its provider. */
export const deliveryPartnersOf = (pathway: Pathway, service: string): PathwayPartner[] => pathway.partners.filter((partner) => partner.deliversFor.includes(service));

/** Partner ids that are meant when a service is the recipient: provider first, then delivery partners, each once. */
export const recipientsOf = (pathway: Pathway, service: string): string[] => [
  ...new Set([providerOf(pathway, service), ...deliveryPartnersOf(pathway, service)].map((partner) => partner.id)),
];

/** Services a partner acts for, as provider or delivery partner: a referral of the partner comes from one of them. */
export const servicesOf = (partner: PathwayPartner): string[] => [...new Set([...partner.provides, ...partner.deliversFor])];

/** Minutes within which the receiver's system must have a referral of this priority; none given is routine. */
export const acknowledgementMinutes = (service: PathwayService, priority?: FhirPriority): number => service.acknowledgeWithin[nationalPriority(priority)];
