import {
  CONTACT_MODE, EXCLUSION, EXTENSIONS, IDENTIFIERS, NEED, ORGANIZATION_TYPE, TEAM_TYPE, coding, deliveryPartnersOf, healthcareServiceId, locationId, organizationId, pathwayCanonical,
  planDefinitionId, providerOf, type Pathway, type PathwayPartner, type PathwayService, type PathwaySite,
} from '@baton/contracts';
import type { HealthcareService, HealthcareServiceAvailableTime, Location, LocationHoursOfOperation, Organization, PlanDefinition } from 'fhir/r4.js';
import { planDefinition } from './pathway-plan.fhir.js';

const UK_CORE = 'https://fhir.hl7.org.uk/StructureDefinition/UKCore-';

/** A resource that loading a pathway makes; owner is Baton. */
export type PathwayResource = Organization | HealthcareService | Location | PlanDefinition;

/**
 * The FHIR form of a pathway, as every partner may read it. Ids depend on the pathway file alone, so that loading a
 * newer version updates the same resources. References go only to what comes earlier in the list.
 */
export const pathwayResources = (pathway: Pathway): PathwayResource[] => [
  ...pathway.partners.map(organization),
  ...pathway.services.flatMap((service) => service.sites.map((site) => location(pathway, service, site))),
  ...pathway.services.map((service) => healthcareService(pathway, service)),
  planDefinition(pathway),
];

function organization(partner: PathwayPartner): Organization {
  const { odsCode, type } = partner.organization;
  return {
    resourceType: 'Organization',
    id: organizationId(partner.id),
    meta: { profile: [`${UK_CORE}Organization`] },
    identifier: [...(odsCode === undefined ? [] : [{ system: IDENTIFIERS.odsOrganization, value: odsCode }]), { system: IDENTIFIERS.partner, value: partner.id }],
    active: true,
    type: [{ coding: [coding(ORGANIZATION_TYPE, type)] }],
    name: partner.name,
  };
}

function location(pathway: Pathway, service: PathwayService, site: PathwaySite): Location {
  const areas = site.localities.map((code) => pathway.localities.find((locality) => locality.code === code)?.name ?? code);
  return {
    resourceType: 'Location',
    id: locationId(pathway.id, service.id, site.id),
    meta: { profile: [`${UK_CORE}Location`] },
    ...(site.capacity === undefined ? {} : { extension: [{ url: EXTENSIONS.capacity, valueInteger: site.capacity }] }),
    ...(site.odsSiteCode === undefined ? {} : { identifier: [{ system: IDENTIFIERS.odsSite, value: site.odsSiteCode }] }),
    status: 'active',
    name: site.name,
    ...(areas.length === 0 ? {} : { description: `Serves ${areas.join(', ')}.` }),
    mode: 'instance',
    telecom: [{ system: 'phone', value: service.phone, use: 'work' }],
    ...(site.remote ? { physicalType: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/location-physical-type', code: 'vi', display: 'Virtual' }] } } : {}),
    managingOrganization: organizationReference(pathway, service),
    hoursOfOperation: site.openingHours.map(
      (hours): LocationHoursOfOperation => ({ daysOfWeek: hours.days, ...(hours.allDay ? { allDay: true } : { openingTime: `${hours.from}:00`, closingTime: `${hours.to}:00` }) }),
    ),
  };
}

function healthcareService(pathway: Pathway, service: PathwayService): HealthcareService {
  const delivered = deliveryPartnersOf(pathway, service.id).map((partner) => partner.name);
  const hours = availableTimes(service);
  return {
    resourceType: 'HealthcareService',
    id: healthcareServiceId(pathway.id, service.id),
    meta: { profile: [`${UK_CORE}HealthcareService`] },
    identifier: [
      ...(service.dosServiceId === undefined ? [] : [{ system: IDENTIFIERS.dosService, value: service.dosServiceId }]),
      { system: IDENTIFIERS.pathwayService, value: healthcareServiceId(pathway.id, service.id) },
    ],
    active: true,
    providedBy: organizationReference(pathway, service),
    type: [{ coding: [coding(TEAM_TYPE, service.teamType)] }],
    ...(service.sites.length === 0 ? {} : { location: service.sites.map((site) => ({ reference: `Location/${locationId(pathway.id, service.id, site.id)}`, display: site.name })) }),
    name: service.name,
    comment: delivered.length === 0 ? service.element : `${service.element}. Delivered with ${delivered.join(', ')}.`,
    telecom: [{ system: 'phone', value: service.phone, use: 'work' }],
    eligibility: [
      { comment: `Ages ${service.ageBand.from} to ${service.ageBand.to}, in full years on the day the referral is received.` },
      ...service.exclusions.map((exclusion) => ({ code: { coding: [{ system: EXCLUSION.system, code: exclusion.code }], text: exclusion.display }, comment: 'Excluded' })),
    ],
    ...(service.needs.length === 0 ? {} : { program: service.needs.map((need) => ({ coding: [coding(NEED, need)] })) }),
    characteristic: service.modes.map((mode) => ({ coding: [coding(CONTACT_MODE, mode)] })),
    ...(service.acceptsReferrals ? { referralMethod: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/service-referral-method', code: 'elec', display: 'Secure Messaging' }] }] } : {}),
    ...(hours.length === 0 ? {} : { availableTime: hours }),
    extraDetails: `Part of ${pathwayCanonical(pathway.id, pathway.version)} (PlanDefinition/${planDefinitionId(pathway.id)}).`,
  };
}

/** When any of the sites is open; the same hours at several sites are said once. */
function availableTimes(service: PathwayService): HealthcareServiceAvailableTime[] {
  const all = service.sites.flatMap((site) =>
    site.openingHours.map(
      (hours): HealthcareServiceAvailableTime => ({ daysOfWeek: hours.days, ...(hours.allDay ? { allDay: true } : { availableStartTime: `${hours.from}:00`, availableEndTime: `${hours.to}:00` }) }),
    ),
  );
  return [...new Map(all.map((hours) => [JSON.stringify(hours), hours])).values()];
}

function organizationReference(pathway: Pathway, service: PathwayService): { reference: string; display: string } {
  const provider = providerOf(pathway, service.id);
  return { reference: `Organization/${organizationId(provider.id)}`, display: provider.name };
}
