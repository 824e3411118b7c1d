/** Code systems of others by which a Consent says what it decides; Baton's own are in `contracts`. */
export const CONSENT_SCOPE = 'http://terminology.hl7.org/CodeSystem/consentscope';
export const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
export const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
export const PARTICIPATION = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType';
export const RESOURCE_TYPE_SYSTEM = 'http://hl7.org/fhir/resource-types';

/** IHE PCF policies (`policy.uri`) and what each says. */
export const PCF_POLICIES: Readonly<Record<string, 'permit' | 'deny' | 'break-glass'>> = {
  'https://profiles.ihe.net/ITI/PCF/Policy-basic-normal': 'permit',
  'https://profiles.ihe.net/ITI/PCF/Policy-all-normal': 'permit',
  'https://profiles.ihe.net/ITI/PCF/Policy-deny': 'deny',
  'https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only': 'break-glass',
};
