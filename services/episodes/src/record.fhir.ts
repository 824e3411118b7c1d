import { CARE_PLAN_KIND, CARE_PLAN_TYPE } from '@baton/contracts';
import { idOf, type CarePlan, type Encounter, type Reference, type Resource } from '@baton/fhir';
import type { Violation } from '@baton/kernel';

/** Where a type says what it belongs to. */
const REFERRAL_ELEMENT: Readonly<Record<string, string>> = { Encounter: 'basedOn', Observation: 'basedOn', CarePlan: 'supportingInfo' };

/** Patient id a record is about; undefined where its subject is something else, or kept elsewhere. */
export const subjectOf = (resource: Resource): string | undefined => idOf((resource['subject'] as Reference | undefined)?.reference, 'Patient');

/** ServiceRequest ids a record names: `Encounter.basedOn`, `Observation.basedOn`, `CarePlan.supportingInfo`. A Flag names none. */
export function referralsOf(resource: Resource): string[] {
  const element = REFERRAL_ELEMENT[resource.resourceType];
  const references = (element === undefined ? undefined : (resource[element] as Reference[] | undefined)) ?? [];
  return [...new Set(references.flatMap(({ reference }) => idOf(reference, 'ServiceRequest') ?? []))];
}

/** The one referral a record belongs to. */
export const referralOf = (resource: Resource): string | undefined => referralsOf(resource)[0];

/** What is wrong with a record as such, whoever writes it. */
export function formFaults(resource: Resource): Violation[] {
  const type = resource.resourceType;
  const fault = (rule: string, says: string, at: string): Violation => ({ rule, says, at: [`${type}.${at}`], code: 'business-rule' });
  return [
    ...(subjectOf(resource) === undefined ? [fault('subject-required', 'Name the young person by a reference to a Patient here.', 'subject')] : []),
    ...(referralsOf(resource).length > 1 ? [fault('one-referral', 'It belongs to one referral at most.', REFERRAL_ELEMENT[type]!)] : []),
    ...unknownKinds(resource).map((at) => fault('care-plan-category-unknown', `${CARE_PLAN_KIND.title} and ${CARE_PLAN_TYPE.title} have no such code.`, at)),
  ];
}

/** Places of categories that claim one of the lists and are not in it; codes of other systems are the sender's affair. */
function unknownKinds(resource: Resource): string[] {
  if (resource.resourceType !== 'CarePlan') return [];
  const lists = [CARE_PLAN_KIND, CARE_PLAN_TYPE] as const;
  return ((resource as unknown as CarePlan).category ?? []).flatMap(({ coding }, i) =>
    (coding ?? []).flatMap(({ system, code }, j) => (lists.some((list) => list.system === system && !Object.hasOwn(list.codes, code ?? '')) ? [`category[${i}].coding[${j}].code`] : [])),
  );
}

/** The contact with the episode it is part of, added where it does not say so. */
export function withEpisode(resource: Resource, episode: string): Resource {
  const references = (resource as unknown as Encounter).episodeOfCare ?? [];
  const reference = `EpisodeOfCare/${episode}`;
  return references.some((each) => idOf(each.reference, 'EpisodeOfCare') === episode) ? resource : { ...resource, episodeOfCare: [...references, { reference }] };
}
