import type { FhirResource } from 'fhir/r4.js';

export type {
  Address,
  AuditEvent,
  Bundle,
  BundleEntry,
  BundleEntryRequest,
  BundleEntryResponse,
  BundleLink,
  CapabilityStatement,
  CarePlan,
  CodeableConcept,
  Coding,
  Consent,
  ConsentProvision,
  ContactPoint,
  Encounter,
  Endpoint,
  EpisodeOfCare,
  Extension,
  FhirResource,
  Flag,
  HealthcareService,
  HumanName,
  Identifier,
  Location,
  MessageDefinition,
  MessageHeader,
  Meta,
  Narrative,
  Observation,
  OperationOutcome,
  OperationOutcomeIssue,
  Organization,
  Parameters,
  ParametersParameter,
  Patient,
  Period,
  PlanDefinition,
  Practitioner,
  PractitionerRole,
  Quantity,
  Reference,
  RelatedPerson,
  ServiceRequest,
  Subscription,
  SubscriptionChannel,
  Task,
  TaskOutput,
} from 'fhir/r4.js';

/** The types Baton stores, each owned by one service. */
export const OWNED_TYPES = [
  'CarePlan',
  'Consent',
  'Encounter',
  'Endpoint',
  'EpisodeOfCare',
  'Flag',
  'HealthcareService',
  'Location',
  'Observation',
  'Organization',
  'Patient',
  'PlanDefinition',
  'Practitioner',
  'PractitionerRole',
  'RelatedPerson',
  'ServiceRequest',
  'Subscription',
  'Task',
] as const;
export type OwnedType = (typeof OWNED_TYPES)[number];

/** The types Baton only reads or emits. */
export const EXCHANGED_TYPES = ['AuditEvent', 'Bundle', 'CapabilityStatement', 'MessageDefinition', 'MessageHeader', 'OperationOutcome', 'Parameters'] as const;
export type ExchangedType = (typeof EXCHANGED_TYPES)[number];

/** Any resource, before or after its type is known; what it holds besides is read by narrowing. */
export interface Resource {
  resourceType: string;
  id?: string;
  meta?: { versionId?: string; lastUpdated?: string; [element: string]: unknown };
  [element: string]: unknown;
}

/** The R4 type of that name: `ResourceOf<'Patient'>`. */
export type ResourceOf<T extends FhirResource['resourceType']> = Extract<FhirResource, { resourceType: T }>;

const owned: ReadonlySet<string> = new Set(OWNED_TYPES);

/** Whether Baton stores resources of this type. */
export const isOwnedType = (type: string): type is OwnedType => owned.has(type);

/** Whether a parsed JSON value has the least shape of a resource: an object with a `resourceType`. */
export const isResource = (value: unknown): value is Resource =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && typeof (value as { resourceType?: unknown }).resourceType === 'string';
