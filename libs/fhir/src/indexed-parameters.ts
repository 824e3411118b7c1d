import type { OwnedType } from './types.js';

/**
 * Which of the official search parameters are indexed, and so can be searched: what the path of a referral needs. Each
 * costs rows on every write of its type, so the list is short; it is the only place to add one. An alias (`patient` of
 * `subject`) is found by its expression and needs no line. `_id` and `_lastUpdated` are columns, not index.
 */
export const INDEXED_PARAMETERS: Readonly<Record<OwnedType, readonly string[]>> = {
  CarePlan: ['subject', 'status', 'category', 'date'],
  Consent: ['patient', 'status', 'category', 'date', 'actor'],
  Encounter: ['subject', 'status', 'based-on', 'episode-of-care', 'date', 'class'],
  Endpoint: ['identifier', 'organization', 'status'],
  EpisodeOfCare: ['patient', 'status', 'organization', 'incoming-referral'],
  Flag: ['subject', 'identifier'],
  HealthcareService: ['identifier', 'organization', 'name', 'location', 'service-category'],
  Location: ['identifier', 'name', 'organization'],
  Observation: ['subject', 'code', 'status', 'date', 'category', 'based-on'],
  Organization: ['identifier', 'name', 'type'],
  Patient: ['identifier', 'birthdate', 'family', 'given', 'name', 'gender', 'general-practitioner'],
  PlanDefinition: ['url', 'identifier', 'version', 'status'],
  Practitioner: ['identifier', 'name', 'family'],
  PractitionerRole: ['practitioner', 'organization', 'identifier'],
  RelatedPerson: ['patient', 'identifier', 'name'],
  ServiceRequest: ['identifier', 'subject', 'status', 'priority', 'requester', 'performer', 'authored', 'category', 'code', 'based-on'],
  Subscription: ['status', 'url', 'criteria'],
  Task: ['focus', 'subject', 'owner', 'requester', 'status', 'business-status', 'code', 'based-on', 'authored-on'],
};
