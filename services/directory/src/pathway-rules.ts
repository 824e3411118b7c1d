import { REFERRAL_SOURCE, servicesOf, type Pathway, type PathwayService } from '@baton/contracts';
import type { Violation } from '@baton/kernel';
import { routeViolations, targetViolations, unreachable } from './pathway-routes.js';

/** Every inconsistency between the parts of a pathway whose shape is right. Pure; the order follows the file. */
export function inconsistencies(pathway: Pathway): Violation[] {
  return [
    ...duplicates(pathway),
    ...unknownNames(pathway),
    ...pathway.services.flatMap((service, i) => [...accountability(pathway, service, i), ...ofService(pathway, service, i)]),
    ...pathway.services.flatMap((service, i) => [...routeViolations(service, i), ...targetViolations(pathway, service, i)]),
    ...unreachable(pathway),
    ...uncovered(pathway),
  ];
}

const breach = (rule: string, says: string, ...at: string[]): Violation => ({ rule, says, at, code: 'business-rule' });

/** Places of every value that occurs a second time. */
function repeated(values: readonly (string | undefined)[], at: (index: number) => string): { value: string; at: string }[] {
  const seen = new Set<string>();
  return values.flatMap((value, i) => {
    if (value === undefined) return [];
    if (seen.has(value)) return [{ value, at: at(i) }];
    seen.add(value);
    return [];
  });
}

function duplicates(pathway: Pathway): Violation[] {
  const { partners, services, localities, vocabulary } = pathway;
  const twice = (rule: string, what: string, found: { value: string; at: string }[]) => found.map((each) => breach(rule, `${what} ${each.value} is there twice.`, each.at));
  return [
    ...twice('duplicate-partner', 'Partner', repeated(partners.map((p) => p.id), (i) => `partners[${i}].id`)),
    ...twice('duplicate-locality', 'Locality', repeated(localities.map((l) => l.code), (i) => `localities[${i}].code`)),
    ...twice('duplicate-service', 'Service', repeated(services.map((s) => s.id), (i) => `services[${i}].id`)),
    ...twice('duplicate-dos-service', 'Directory of Services id', repeated(services.map((s) => s.dosServiceId), (i) => `services[${i}].dosServiceId`)),
    ...twice('duplicate-term', 'Term', repeated(vocabulary.map((v) => `${v.partner}: ${v.term.toLowerCase()}`), (i) => `vocabulary[${i}]`)),
    ...services.flatMap((service, i) => [
      ...twice('duplicate-site', 'Site', repeated(service.sites.map((s) => s.id), (j) => `services[${i}].sites[${j}].id`)),
      ...twice('duplicate-exclusion', 'Exclusion', repeated(service.exclusions.map((e) => e.code), (j) => `services[${i}].exclusions[${j}].code`)),
      ...twice('duplicate-standard', 'Response standard', repeated(service.responseStandards.map((s) => `${s.priority}/${s.clock}/${s.to}`), (j) => `services[${i}].responseStandards[${j}]`)),
    ]),
  ];
}

function unknownNames(pathway: Pathway): Violation[] {
  const services = new Set(pathway.services.map((service) => service.id));
  const localities = new Set(pathway.localities.map((locality) => locality.code));
  const partners = new Set(pathway.partners.map((partner) => partner.id));
  const missing = (known: Set<string>, rule: string, what: string, names: readonly string[], at: string) =>
    names.flatMap((name, i) => (known.has(name) ? [] : [breach(rule, `The pathway has no ${what} ${name}.`, `${at}[${i}]`)]));
  const service = (names: readonly string[], at: string) => missing(services, 'service-unknown', 'service', names, at);
  const locality = (names: readonly string[], at: string) => missing(localities, 'unknown-locality', 'locality', names, at);
  return [
    ...pathway.partners.flatMap((partner, i) => [...service(partner.provides, `partners[${i}].provides`), ...service(partner.deliversFor, `partners[${i}].deliversFor`)]),
    ...pathway.services.flatMap((each, i) => [
      ...locality(each.localities, `services[${i}].localities`),
      ...each.sites.flatMap((site, j) => locality(site.localities, `services[${i}].sites[${j}].localities`)),
      ...each.routes.flatMap((route, j) =>
        services.has(route.from) || Object.hasOwn(REFERRAL_SOURCE.codes, route.from) ? [] : [breach('service-unknown', `The pathway has no service ${route.from}.`, `services[${i}].routes[${j}].from`)],
      ),
      ...service(each.stepDownTo, `services[${i}].stepDownTo`),
      ...service(each.escalateTo, `services[${i}].escalateTo`),
    ]),
    ...pathway.vocabulary.flatMap((word, i) => (partners.has(word.partner) ? [] : [breach('unknown-partner', `The pathway has no partner ${word.partner}.`, `vocabulary[${i}].partner`)])),
  ];
}

function accountability(pathway: Pathway, service: PathwayService, i: number): Violation[] {
  const providers = pathway.partners.filter((partner) => partner.provides.includes(service.id));
  if (providers.length === 0) return [breach('service-without-provider', `Nobody is accountable for ${service.id}: no partner provides it.`, `services[${i}]`)];
  if (providers.length > 1) {
    return [breach('service-with-several-providers', `${providers.map((p) => p.id).join(' and ')} both provide ${service.id}; one is accountable, the others deliver for it.`, `services[${i}]`)];
  }
  return providers[0]!.deliversFor.includes(service.id) ? [breach('provider-delivers-for-itself', `${providers[0]!.id} provides ${service.id} and need not be named as delivering for it.`, `services[${i}]`)] : [];
}

function ofService(pathway: Pathway, service: PathwayService, i: number): Violation[] {
  const at = `services[${i}]`;
  const found: Violation[] = [];
  const { ageBand, sessions } = service;
  if (ageBand.from > ageBand.to) found.push(breach('age-band-empty', `No age is from ${ageBand.from} to ${ageBand.to}.`, `${at}.ageBand`));
  if (sessions && sessions.min > sessions.max) found.push(breach('sessions-min-above-max', `At least ${sessions.min} sessions and at most ${sessions.max} cannot be.`, `${at}.sessions`));
  service.responseStandards.forEach((standard, j) => {
    if (standard.measure !== undefined && standard.clock !== 'national') {
      found.push(breach('measure-off-national-clock', `${standard.measure} is a national measure: it runs on the national clock.`, `${at}.responseStandards[${j}]`));
    }
    if (standard.clock === 'national' && standard.to !== 'first-response') {
      found.push(breach('national-clock-first-response-only', 'The national clock stops at the first contact; it knows no first support.', `${at}.responseStandards[${j}].to`));
    }
    if (standard.minutes < service.acknowledgeWithin[standard.priority]) {
      found.push(breach('acknowledgement-after-response', `A referral of priority ${standard.priority} must be answered within ${standard.minutes} minutes, yet may lie unread for ${service.acknowledgeWithin[standard.priority]}.`, `${at}.responseStandards[${j}]`, `${at}.acknowledgeWithin`));
    }
  });
  return [...found, ...ofSites(pathway, service, at)];
}

function ofSites(pathway: Pathway, service: PathwayService, at: string): Violation[] {
  const found: Violation[] = [];
  const known = new Set(pathway.localities.map((locality) => locality.code));
  const here = new Set(service.localities);
  service.sites.forEach((site, j) => {
    site.localities.forEach((code, k) => {
      if (known.has(code) && !here.has(code)) found.push(breach('site-locality-outside-service', `${service.id} does not serve ${code}, its site ${site.id} cannot.`, `${at}.sites[${j}].localities[${k}]`));
    });
    site.openingHours.forEach((hours, k) => {
      const timed = hours.from !== undefined && hours.to !== undefined && hours.from < hours.to;
      const right = hours.allDay ? hours.from === undefined && hours.to === undefined : timed;
      if (!right) found.push(breach('opening-hours-empty', 'Opening hours go from an earlier to a later time of one day, or are all day.', `${at}.sites[${j}].openingHours[${k}]`));
    });
  });
  if (service.sites.length === 0 || service.sites.some((site) => site.remote)) return found;
  const served = new Set(service.sites.flatMap((site) => site.localities));
  service.localities.forEach((code, k) => {
    if (!served.has(code)) found.push(breach('locality-without-site', `${service.id} serves ${code}, but none of its sites does.`, `${at}.localities[${k}]`));
  });
  return found;
}

/** Localities that no service taking referrals serves, and partners without any part. */
function uncovered(pathway: Pathway): Violation[] {
  const covered = new Set(pathway.services.filter((service) => service.acceptsReferrals).flatMap((service) => service.localities));
  return [
    ...pathway.localities.flatMap((locality, i) => (covered.has(locality.code) ? [] : [breach('locality-not-covered', `No service takes referrals from ${locality.name}.`, `localities[${i}]`)])),
    ...pathway.partners.flatMap((partner, i) =>
      servicesOf(partner).length + partner.refersAs.length > 0 ? [] : [breach('partner-without-part', `${partner.id} neither provides nor delivers a service, nor refers.`, `partners[${i}]`)],
    ),
  ];
}
