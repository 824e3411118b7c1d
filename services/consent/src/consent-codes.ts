/** Code systems and extensions by which a Consent says what it decides. */
export const CONSENT_SCOPE = 'http://terminology.hl7.org/CodeSystem/consentscope';
export const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
export const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
export const PARTICIPATION = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType';
export const RESOURCE_TYPE_SYSTEM = 'http://hl7.org/fhir/resource-types';
/** Categories by Baton's own names, for `provision.class`. */
export const CATEGORY_SYSTEM = 'https://baton.example/fhir/CodeSystem/category';

const EXTENSION = 'https://baton.example/fhir/StructureDefinition';

export const CONSENT_EXTENSIONS = {
  /** Consent: valueCoding of LAWFUL_BASIS; explicit consent where it is left out. */
  basis: `${EXTENSION}/lawful-basis`,
  /** Consent: valueCoding of CAPACITY. */
  capacity: `${EXTENSION}/decision-capacity`,
  /** Consent: valueString, why; an override of a refusal and Gillick competence need it. */
  reason: `${EXTENSION}/decision-reason`,
} as const;

/** IHE PCF policies (`policy.uri`) and what each says. */
export const PCF_POLICIES: Readonly<Record<string, 'permit' | 'deny' | 'break-glass'>> = {
  'https://profiles.ihe.net/ITI/PCF/Policy-basic-normal': 'permit',
  'https://profiles.ihe.net/ITI/PCF/Policy-all-normal': 'permit',
  'https://profiles.ihe.net/ITI/PCF/Policy-deny': 'deny',
  'https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only': 'break-glass',
};
