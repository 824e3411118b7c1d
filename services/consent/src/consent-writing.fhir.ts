import { CAPACITY, CATEGORY, coding, EXTENSIONS, LAWFUL_BASIS, organizationId } from '@baton/contracts';
import type { Consent, ConsentProvision } from '@baton/fhir';
import { ACT_CODE, ACT_REASON, CONSENT_SCOPE, PARTICIPATION } from './consent-codes.js';
import type { Decision, Scope } from './decision.js';

/**
 * Writes a decision as a Consent that reads back as the same decision. Who decided and why stand only in the Consent
 * that was sent: a decision that needs them (`justified`) is written without, and is refused if sent so.
 */
export function consentOf(decision: Omit<Decision, 'id' | 'recorder' | 'reach' | 'withdrawnAt' | 'justified'>): Consent {
  const { effect, basis, capacity, patient, dateTime, status, recipients, purpose, from, until, scope, context, withheld } = decision;
  const implied = basis === 'implied-direct-care';
  const provision: ConsentProvision = {
    ...(implied && effect === 'permit' ? {} : { type: effect }),
    ...(from || until ? { period: { ...(from ? { start: from.toISOString() } : {}), ...(until ? { end: new Date(until.getTime() - 1).toISOString() } : {}) } } : {}),
    ...(recipients === 'everyone-but-owner' ? {} : { actor: recipients.map((partner) => ({ role: { coding: [{ system: PARTICIPATION, code: 'IRCP' }] }, reference: { reference: `Organization/${organizationId(partner)}` } })) }),
    purpose: [{ system: ACT_REASON, code: purpose }],
    ...about(scope, context),
    ...(withheld.length > 0 ? { provision: withheld.map((except) => ({ type: 'deny' as const, ...about(except) })) } : {}),
  };
  return {
    resourceType: 'Consent',
    extension: [
      { url: EXTENSIONS.lawfulBasis, valueCoding: coding(LAWFUL_BASIS, basis) },
      ...(capacity === undefined ? [] : [{ url: EXTENSIONS.decisionCapacity, valueCoding: coding(CAPACITY, capacity) }]),
    ],
    status,
    scope: { coding: [{ system: CONSENT_SCOPE, code: 'patient-privacy' }] },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0', display: 'Consent Document' }] }],
    patient: { reference: `Patient/${patient}` },
    dateTime: dateTime.toISOString(),
    policyRule: { coding: [{ system: ACT_CODE, code: implied ? 'IMPLIED' : effect === 'permit' ? 'OPTIN' : 'OPTOUT' }] },
    provision,
  };
}

const about = (scope: Scope, context?: string): Pick<ConsentProvision, 'class' | 'data'> => ({
  ...(scope.kind === 'categories' ? { class: scope.categories.map((code) => ({ system: CATEGORY.system, code })) } : {}),
  ...(scope.kind === 'items' ? { data: scope.items.map((reference) => ({ meaning: 'instance' as const, reference: { reference } })) } : {}),
  ...(context === undefined ? {} : { data: [{ meaning: 'related' as const, reference: { reference: `ServiceRequest/${context}` } }] }),
});
