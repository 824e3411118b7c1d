import { issuerAddresses, OPERATE, OPERATE_CONTENT } from '@baton/access';
import { ASSERTION_ALGORITHMS } from './issuer.js';

/**
 * What a partner of a pathway may ask for. Types that Baton makes from the pathway file are read-only. Deleting is left
 * out where the domain knows no deletion (entered-in-error instead).
 */
export const PARTNER_SCOPES: readonly string[] = [
  'system/AuditEvent.rs',
  'system/CarePlan.cruds',
  'system/Consent.crus',
  'system/Encounter.cruds',
  'system/Endpoint.cruds',
  'system/EpisodeOfCare.rus',
  'system/Flag.cruds',
  'system/HealthcareService.rs',
  'system/Location.rs',
  'system/Observation.cruds',
  'system/Organization.rs',
  'system/Patient.cruds',
  'system/PlanDefinition.rs',
  'system/Practitioner.cruds',
  'system/PractitionerRole.cruds',
  'system/RelatedPerson.cruds',
  'system/ServiceRequest.crus',
  'system/Subscription.cruds',
  'system/Task.rus',
];

/** What an operator may ask for: nothing of the FHIR interface. */
export const OPERATOR_SCOPES: readonly string[] = [OPERATE, OPERATE_CONTENT];

/**
 * The document at `<FHIR base>/.well-known/smart-configuration` (SMART App Launch 2, Backend Services). There is no
 * authorization endpoint, so nothing is said about response types or code challenges.
 */
export function smartConfiguration(fhirBase: string): Record<string, unknown> {
  const { issuer, tokenUrl, jwksUrl } = issuerAddresses(fhirBase);
  return {
    issuer,
    jwks_uri: jwksUrl,
    token_endpoint: tokenUrl,
    grant_types_supported: ['client_credentials'],
    token_endpoint_auth_methods_supported: ['private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: [...ASSERTION_ALGORITHMS],
    scopes_supported: [...PARTNER_SCOPES, ...OPERATOR_SCOPES],
    capabilities: ['client-confidential-asymmetric', 'permission-v2'],
  };
}
