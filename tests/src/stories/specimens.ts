import { organizationId } from '@baton/contracts';
import { RECEIVERS } from '@baton/testing';
import { subscriptionOf, type PartnerSystem } from '../partner-system.js';
import { carePlan, consent, contact, flag, observation, referralOf, type Sent } from './records.js';
import { created, expected, refer, sees, setStatus } from './referring.js';

/** A resource that is there, and who owns it. */
export interface Specimen {
  readonly owner: PartnerSystem;
  readonly id: string;
}

/** One resource of each type that partners write, and of those Baton makes, by type. */
export async function specimens(trust: PartnerSystem, charity: PartnerSystem): Promise<ReadonlyMap<string, Specimen>> {
  const { referral, task } = await refer(trust);
  await sees(charity, `Task/${task}`);
  const episode = expected(200, await setStatus(charity, task, 'accepted')).body.output[0].valueReference.reference.split('/')[1] as string;
  const found = new Map<string, Specimen>([['ServiceRequest', { owner: trust, id: referral }], ['Task', { owner: charity, id: task }], ['EpisodeOfCare', { owner: charity, id: episode }]]);
  const patient = await created(trust, referralOf().patient);
  found.set('Patient', { owner: trust, id: patient });
  const practitioner = await created(trust, { resourceType: 'Practitioner', name: [{ family: 'Example' }] });
  found.set('Practitioner', { owner: trust, id: practitioner });
  const more: Sent[] = [
    flag(patient),
    observation(patient),
    contact(patient),
    carePlan(patient),
    consent(patient, { effect: 'permit', recipients: ['safe-zones'] }),
    { resourceType: 'RelatedPerson', patient: { reference: `Patient/${patient}` } },
    { resourceType: 'PractitionerRole', practitioner: { reference: `Practitioner/${practitioner}` } },
    endpointOf('rapid-response'),
    subscriptionOf('referral', `http://${RECEIVERS}:9/`, 'empty') as Sent,
  ];
  for (const resource of more) found.set(resource.resourceType, { owner: trust, id: await created(trust, resource) });
  for (const type of ['Organization', 'HealthcareService', 'Location', 'PlanDefinition']) {
    found.set(type, { owner: trust, id: expected(200, await trust.get(`${type}?_count=1`)).body.entry[0].resource.id as string });
  }
  return found;
}

const endpointOf = (partner: string): Sent => ({
  resourceType: 'Endpoint',
  status: 'active',
  connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'hl7-fhir-msg' },
  payloadType: [{ text: 'BaRS-shaped messages' }],
  address: `http://${RECEIVERS}:9/message`,
  managingOrganization: { reference: `Organization/${organizationId(partner)}` },
});
