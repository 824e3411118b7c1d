import type { Pathway, PathwayPartner } from '@baton/contracts';
import { BATON, type Violation } from '@baton/kernel';
import { OPERATOR } from './partner-keys.service.js';

/** Several pathways, and several versions of one, as they stand side by side. */
export type PathwaySet = readonly Pathway[];

const nameOf = ({ id, version }: Pathway): string => `${id}|${version}`;
const violation = (rule: string, says: string, pathway: Pathway, at: string): Violation => ({ rule, says, at: [`${nameOf(pathway)}: ${at}`], code: 'business-rule' });

/** What stands between pathways that are each good by themselves: what one of them says must not contradict the others. */
export function contradictions(all: PathwaySet): Violation[] {
  const latest = [...new Map([...all].sort(byDate).map((pathway) => [pathway.id, pathway])).values()];
  return [...all.flatMap(reserved), ...pairs(all).flatMap(([one, other]) => sameVersions(one, other)), ...pairs(latest).flatMap(([one, other]) => between(one, other))];
}

/**
 * The version of each pathway that partners read: the one in force, or before any is, the first to come.
 *
 * @param day `YYYY-MM-DD` in Europe/London
 */
export function presentVersions(all: PathwaySet, day: string): Pathway[] {
  const ids = [...new Set(all.map(({ id }) => id))].sort();
  return ids.map((id) => {
    const versions = all.filter((pathway) => pathway.id === id).sort(byDate);
    return versions.filter((pathway) => pathway.inForceFrom <= day).at(-1) ?? versions[0]!;
  });
}

const byDate = (one: Pathway, other: Pathway): number => (one.inForceFrom < other.inForceFrom ? -1 : one.inForceFrom > other.inForceFrom ? 1 : 0);

const pairs = (all: PathwaySet): [Pathway, Pathway][] => all.flatMap((one, i) => all.slice(i + 1).map((other): [Pathway, Pathway] => [one, other]));

const reserved = (pathway: Pathway): Violation[] =>
  pathway.partners.flatMap(({ id }, i) => ([BATON, OPERATOR].includes(id) ? [violation('partner-reserved', `The partner id ${id} is Baton's own.`, pathway, `partners[${i}].id`)] : []));

function sameVersions(one: Pathway, other: Pathway): Violation[] {
  if (one.id !== other.id) return [];
  if (one.version === other.version) return [violation('pathway-version-twice', 'Two files publish this version.', other, 'version')];
  if (one.inForceFrom === other.inForceFrom) return [violation('pathway-versions-same-day', `Version ${one.version} is in force from the same day.`, other, 'inForceFrom')];
  return [];
}

/** Two pathways in force beside each other: one partner is described once, and codes that messages go by are unambiguous. */
function between(one: Pathway, other: Pathway): Violation[] {
  const partners = other.partners.flatMap((partner, i) => [
    ...one.partners
      .filter((known) => known.id === partner.id && !sameDescription(known, partner))
      .map(() => violation('partner-described-differently', `Partner ${partner.id} has another name, organisation, endpoint or trust in ${nameOf(one)}.`, other, `partners[${i}]`)),
    ...one.partners
      .filter((known) => known.id !== partner.id && known.organization.odsCode !== undefined && known.organization.odsCode === partner.organization.odsCode)
      .map((known) => violation('ods-code-of-two-partners', `${nameOf(one)} gives this code to ${known.id}.`, other, `partners[${i}].organization.odsCode`)),
  ]);
  const services = other.services.flatMap((service, i) =>
    service.dosServiceId !== undefined && one.services.some((known) => known.dosServiceId === service.dosServiceId)
      ? [violation('dos-service-in-two-pathways', `${nameOf(one)} has a service with this id.`, other, `services[${i}].dosServiceId`)]
      : [],
  );
  return [...partners, ...services];
}

const sameDescription = (one: PathwayPartner, other: PathwayPartner): boolean =>
  one.name === other.name &&
  one.organization.odsCode === other.organization.odsCode &&
  one.organization.type === other.organization.type &&
  one.endpoint === other.endpoint &&
  one.trustedToTrace === other.trustedToTrace;
