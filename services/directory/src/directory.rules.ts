import { readEndpointUrl, type EgressPolicy } from '@baton/access';
import { organizationId } from '@baton/contracts';
import { idOf, type Endpoint, type RelatedPerson, type Resource } from '@baton/fhir';
import type { Ruling, TypeRules } from '@baton/fhir-store';
import { refuse, refuseIfAny, type Caller, type Violation } from '@baton/kernel';

/**
 * RelatedPerson: who cares for a young person. What a carer may know is a decision, never a consequence of this.
 * That the Patient is one the caller sees is asked of every reference, in the statement that writes.
 */
export const relatedPersonRules: TypeRules = {
  type: 'RelatedPerson',
  schema: 'directory',
  patientOf: relatedPatient,
  create: async (_tx, _caller, { resource }) => aboutAPatient(resource),
  update: async (_tx, _caller, { resource }) => aboutAPatient(resource),
  remove: async () => ({}),
};

function relatedPatient(resource: Resource): string | undefined {
  return idOf((resource as unknown as RelatedPerson).patient?.reference, 'Patient');
}

function aboutAPatient(resource: Resource): Ruling {
  if (relatedPatient(resource) === undefined) {
    throw refuse('rule-broken', 'patient-required', 'Name the young person by a reference to a Patient here.', { at: ['RelatedPerson.patient'], code: 'required' });
  }
  return {};
}

const free = (type: string): TypeRules => ({ type, schema: 'directory', create: async () => ({}), update: async () => ({}), remove: async () => ({}) });

export const practitionerRules = free('Practitioner');
export const practitionerRoleRules = free('PractitionerRole');

/**
 * Endpoint: where messages to a partner go. It stands for the caller's own organisation only, and its address is judged
 * by the rules for what Baton may connect to (again at connect time).
 */
export function endpointRules(egress: () => EgressPolicy | undefined): TypeRules {
  const judged = async (caller: Caller, resource: Resource): Promise<Ruling> => {
    const { address, managingOrganization } = resource as unknown as Endpoint;
    const organization = managingOrganization?.reference;
    refuseIfAny('rule-broken', [
      ...(organization === undefined || idOf(organization, 'Organization') === organizationId(caller.partner) ? [] : [notYours]),
      ...addressViolations(address, egress()),
    ]);
    return {};
  };
  return {
    type: 'Endpoint',
    schema: 'directory',
    create: (_tx, caller, { resource }) => judged(caller, resource),
    update: (_tx, caller, { resource }) => judged(caller, resource),
    remove: async () => ({}),
  };
}

const notYours: Violation = { rule: 'endpoint-of-another', says: 'An Endpoint is registered for your own Organization.', at: ['Endpoint.managingOrganization'], code: 'business-rule' };

function addressViolations(address: string, policy: EgressPolicy | undefined): Violation[] {
  if (!policy) return [];
  const read = readEndpointUrl(address, policy);
  return 'rule' in read ? [{ rule: read.rule, says: 'Messages are sent to https addresses that everybody can reach, or that whoever runs Baton allows.', at: ['Endpoint.address'], code: 'value' }] : [];
}

/** What a pathway file makes: everybody reads it, the file alone changes it. */
export const pathwayOwned = (type: string): TypeRules => {
  const refused = async (): Promise<Ruling> => {
    throw refuse('forbidden', 'pathway-owned', `${type} comes from the pathway that is in force; partners read it and do not write it.`);
  };
  // Nobody's change gets past the rule; without the flag a partner would be told that another partner may write it.
  return { type, schema: 'directory', othersMayChange: true, create: refused, update: refused, remove: refused };
};
