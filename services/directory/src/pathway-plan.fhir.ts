import { CLINICAL_PRIORITY, REFERRAL_SOURCE, TEAM_TYPE, coding, healthcareServiceId, pathwayCanonical, planDefinitionId, type Pathway, type PathwayService } from '@baton/contracts';
import type { PlanDefinition, PlanDefinitionAction } from 'fhir/r4.js';

/**
 * A pathway as a PlanDefinition: one action per service, in it one per response standard. The attached document is the
 * whole definition, byte for byte what rules are judged by, for software that wants all of it.
 */
export const planDefinition = (pathway: Pathway): PlanDefinition => ({
  resourceType: 'PlanDefinition',
  id: planDefinitionId(pathway.id),
  url: pathwayCanonical(pathway.id),
  version: pathway.version,
  name: pathway.title.replace(/[^A-Za-z0-9]+/g, '_').replace(/^[^A-Z]+/, ''),
  title: pathway.title,
  type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/plan-definition-type', code: 'clinical-protocol', display: 'Clinical Protocol' }] },
  status: 'active',
  date: pathway.inForceFrom,
  publisher: pathway.publisher,
  ...(pathway.about === undefined ? {} : { description: pathway.about }),
  effectivePeriod: { start: pathway.inForceFrom },
  relatedArtifact: [
    { type: 'documentation', display: 'The definition itself', document: { contentType: 'application/json', data: Buffer.from(JSON.stringify(pathway)).toString('base64') } },
  ],
  action: pathway.services.map((service) => action(pathway, service)),
});

function action(pathway: Pathway, service: PathwayService): PlanDefinitionAction {
  const standards = service.responseStandards.map(
    (standard): PlanDefinitionAction => ({
      title: `${standard.to === 'first-support' ? 'First support' : 'First response'}, ${CLINICAL_PRIORITY.codes[standard.priority].toLowerCase()}`,
      code: [{ coding: [coding(CLINICAL_PRIORITY, standard.priority)] }],
      textEquivalent: `Within ${standard.minutes} minutes by the ${standard.clock} clock${standard.measure === undefined ? '' : ` (${standard.measure})`}.`,
      timingDuration: { value: standard.minutes, unit: 'minute', system: 'http://unitsofmeasure.org', code: 'min' },
    }),
  );
  return {
    id: healthcareServiceId(pathway.id, service.id),
    title: service.name,
    description: service.element,
    textEquivalent: inWords(pathway, service),
    code: [{ coding: [coding(TEAM_TYPE, service.teamType)] }],
    ...(standards.length === 0 ? {} : { action: standards }),
  };
}

/** Who may be referred, by whom, and what the service offers, in sentences. */
function inWords(pathway: Pathway, service: PathwayService): string {
  const source = (from: string) => pathway.services.find((each) => each.id === from)?.name ?? REFERRAL_SOURCE.codes[from as keyof typeof REFERRAL_SOURCE.codes] ?? from;
  const routes = service.routes.map((route) => `${source(route.from)} from ${route.opens}${route.closes === undefined ? '' : ` until ${route.closes}`}`);
  return [
    `Ages ${service.ageBand.from} to ${service.ageBand.to}.`,
    service.acceptsReferrals ? `Referrals: ${routes.join('; ')}.` : 'Advice only, no referrals.',
    ...(service.sessions ? [`${service.sessions.min} to ${service.sessions.max} sessions.`] : []),
    ...(service.exclusions.length === 0 ? [] : [`Not for: ${service.exclusions.map((each) => each.display).join('; ')}.`]),
  ].join(' ');
}
