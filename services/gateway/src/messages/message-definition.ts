import { IDENTIFIERS, USE_CASE } from '@baton/contracts';
import { BARS, type MessageDefinition, type OutgoingBundle } from '@baton/fhir';

/** A kind of message that is taken: what standards' documents call it, and what it must hold. */
const TAKEN = [
  { id: 'servicerequest-request-referral', title: 'Referral request', says: 'Hands over a young person: reason new, category referral. Stored, and answered at once; the decision comes as a servicerequest-response.' },
  { id: 'servicerequest-request-validation', title: 'Validation request', says: 'Asks whether a young person would be taken: reason new, category validation. Answered, and not stored.' },
  { id: 'servicerequest-request-cancelled', title: 'Cancellation of a referral request', says: 'Takes back: reason update or delete, ServiceRequest revoked or entered-in-error.' },
] as const;

const MUST_HOLD = ['MessageHeader', 'ServiceRequest', 'Patient'] as const;

/**
 * What messages a service takes, as `MessageDefinition?context=…` asks; the lists are the same for every service that takes referrals.
 *
 * @param base FHIR base URL
 * @param context DoS id of the service, maybe with its system; nothing for what is taken at all
 * @param date day the interface was last changed
 */
export function messageDefinitions(base: string, context: string | undefined, date: string): OutgoingBundle {
  const service = context?.split('|').at(-1);
  return {
    type: 'searchset',
    total: TAKEN.length,
    link: [{ relation: 'self', url: `${base}/MessageDefinition${context === undefined ? '' : `?context=${encodeURIComponent(context)}`}` }],
    entry: TAKEN.map(({ id, title, says }) => {
      const definition: MessageDefinition = {
        resourceType: 'MessageDefinition',
        id,
        url: `https://baton.example/fhir/MessageDefinition/${id}`,
        name: id.split('-').map((word) => word[0]!.toUpperCase() + word.slice(1)).join(''),
        title,
        status: 'active',
        date,
        description: says,
        eventCoding: { system: BARS.events, code: 'servicerequest-request' },
        category: 'consequence',
        useContext: [
          ...(service === undefined ? [] : [{ code: { system: IDENTIFIERS.dosService, code: service }, valueCodeableConcept: { coding: [{ system: IDENTIFIERS.dosService, code: service }] } }]),
          { code: { system: USE_CASE.system, code: 'mental-health-crisis' }, valueCodeableConcept: { coding: [{ system: USE_CASE.system, code: 'mental-health-crisis' }] } },
        ],
        focus: MUST_HOLD.filter((code) => id !== 'servicerequest-request-cancelled' || code !== 'Patient').map((code) => ({ code, min: 1, max: '1' })),
        responseRequired: 'always',
      };
      return { fullUrl: `${base}/MessageDefinition/${id}`, resource: definition, search: { mode: 'match' as const } };
    }),
  };
}
