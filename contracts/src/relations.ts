/**
 * The published relations: views through which one service reads what another owns, on the same snapshot. They are
 * contracts like events are: a column is never removed or given another meaning within `_v1`. Nothing but
 * `libs/fhir-store` names the resource relations, and it always adds the visibility predicate.
 */
export interface PublishedColumn {
  readonly name: string;
  /** PostgreSQL type, as `format_type` prints it. */
  readonly type: string;
  readonly nullable?: true;
  readonly says: string;
}

export interface PublishedRelation {
  /** Name inside its schema; `_v<major>` at the end. */
  readonly name: string;
  /** Schemas that publish it; the same columns in each. */
  readonly schemas: readonly string[];
  readonly says: string;
  readonly columns: readonly PublishedColumn[];
}

/** What a decision can open, and the two kinds of things no decision opens (`directory`: everybody's; the rest: their owner's). */
export const CATEGORIES = ['demographics', 'referral', 'episode', 'contact', 'plan', 'alert', 'measure', 'consent', 'subscription', 'directory', 'endpoint'] as const;
export type Category = (typeof CATEGORIES)[number];

/** `decision`: its owner, and recipients with a row of `effective_access_v1` · `owner`: its owner alone · `partners`: every partner. */
export type Visibility = 'decision' | 'owner' | 'partners';

export interface ResourceTypeContract {
  /** Schema (and service) that stores the type. */
  readonly schema: string;
  readonly category: Category;
  readonly visible: Visibility;
  /** Who may write it: a partner (its owner), or Baton alone, from the pathway file. */
  readonly written: 'partner' | 'baton';
  /** DELETE is offered; where not, `entered-in-error` takes its place. */
  readonly deletable: boolean;
}

const ofPerson = (schema: string, category: Category, deletable = true): ResourceTypeContract => ({ schema, category, visible: 'decision', written: 'partner', deletable });
const ofPathway: ResourceTypeContract = { schema: 'directory', category: 'directory', visible: 'partners', written: 'baton', deletable: false };
const ofDirectory: ResourceTypeContract = { ...ofPathway, written: 'partner', deletable: true };

/** Every FHIR type Baton stores: where it lives, what opens it, who writes it. */
export const RESOURCE_TYPES = {
  Patient: ofPerson('directory', 'demographics'),
  RelatedPerson: ofPerson('directory', 'demographics'),
  ServiceRequest: ofPerson('referrals', 'referral', false),
  Task: ofPerson('referrals', 'referral', false),
  EpisodeOfCare: ofPerson('episodes', 'episode', false),
  Encounter: ofPerson('episodes', 'contact'),
  CarePlan: ofPerson('episodes', 'plan'),
  Flag: ofPerson('episodes', 'alert'),
  Observation: ofPerson('episodes', 'measure'),
  Consent: { schema: 'consent', category: 'consent', visible: 'owner', written: 'partner', deletable: false },
  Subscription: { schema: 'notifications', category: 'subscription', visible: 'owner', written: 'partner', deletable: true },
  Organization: ofPathway,
  HealthcareService: ofPathway,
  Location: ofPathway,
  PlanDefinition: ofPathway,
  Practitioner: ofDirectory,
  PractitionerRole: ofDirectory,
  Endpoint: { schema: 'directory', category: 'endpoint', visible: 'owner', written: 'partner', deletable: true },
} as const satisfies Record<string, ResourceTypeContract>;

export type ResourceType = keyof typeof RESOURCE_TYPES;

/** The contract of a FHIR type, or nothing when Baton does not store it. */
export const resourceType = (type: string): ResourceTypeContract | undefined => (Object.hasOwn(RESOURCE_TYPES, type) ? RESOURCE_TYPES[type as ResourceType] : undefined);

/** Schemas that own resources and publish `resource_v1`, `history_v1` and `search_v1`. */
export const RESOURCE_SCHEMAS = ['consent', 'directory', 'episodes', 'notifications', 'referrals'] as const;

const column = (name: string, type: string, says: string): PublishedColumn => ({ name, type, says });
const optional = (name: string, type: string, says: string): PublishedColumn => ({ name, type, nullable: true, says });

const RESOURCE_COLUMNS: readonly PublishedColumn[] = [
  column('type', 'text', 'FHIR resource type'),
  column('id', 'text', 'Logical id, unique with the type'),
  column('version', 'integer', 'meta.versionId: 1, 2, 3 …'),
  column('owner', 'text', 'Partner id of who created it; `baton` for what comes from a pathway file'),
  optional('patient', 'text', 'Patient id the resource is about; the Patient itself for Patient; null for directory types'),
  column('category', 'text', 'What a decision must open for others to see it (CATEGORIES)'),
  optional('context', 'text', 'ServiceRequest id of the referral it belongs to'),
  column('last_updated', 'timestamp with time zone', 'meta.lastUpdated, milliseconds'),
  column('deleted', 'boolean', 'The version is a deletion; body then holds type, id and meta only'),
  column('body', 'json', 'The resource as it is served, meta included'),
];

/** Every relation that one service reads of another. */
export const RELATIONS: readonly PublishedRelation[] = [
  { name: 'resource_v1', schemas: RESOURCE_SCHEMAS, says: 'The present version of each resource, deleted ones included.', columns: RESOURCE_COLUMNS },
  {
    name: 'history_v1',
    schemas: RESOURCE_SCHEMAS,
    says: 'Every version of each resource; visibility applies to each row by itself.',
    columns: [...RESOURCE_COLUMNS.filter(({ name }) => name !== 'deleted'), column('method', 'text', 'HTTP verb that made the version: POST, PUT, PATCH or DELETE (the body then holds type, id and meta only)')],
  },
  {
    name: 'search_v1',
    schemas: RESOURCE_SCHEMAS,
    says: 'One row per value of a search parameter of the present version of a resource that is not deleted.',
    columns: [
      column('type', 'text', 'FHIR resource type'),
      column('param', 'text', 'Search parameter, aliases resolved, e.g. `subject`; `subject:identifier` for the identifier of a reference'),
      column('value', 'text', 'token: the code; reference: `Type/id` or an absolute URL; string: folded; date: first instant, ISO 8601 in UTC; uri: as it came'),
      column('id', 'text', 'Logical id'),
      optional('system', 'text', 'token, quantity: the system; string: the text as it came, where folding changed it'),
      optional('low', 'double precision', 'date: first instant it covers, epoch milliseconds; number, quantity: lower bound of its precision'),
      optional('high', 'double precision', 'date: first instant after it, null for an open end; number, quantity: upper bound'),
    ],
  },
  {
    name: 'effective_access_v1',
    schemas: ['consent'],
    says: 'What the decisions in force open: allow-only, one row per opening. A resource is visible to its owner and by a row of this.',
    columns: [
      column('patient', 'text', 'Patient id whose resources are opened'),
      optional('owner', 'text', 'Only resources of this partner; null: of all (break glass, safeguarding, court order)'),
      column('recipient', 'text', 'Partner id who may see'),
      optional('category', 'text', 'Opens this category; null where a single item is opened'),
      optional('context', 'text', 'Only within this referral (ServiceRequest id); null: any'),
      optional('item', 'text', 'Opens this one resource, `Type/id`'),
      column('purpose', 'text', 'Purpose of use (TREAT, BTG …)'),
      column('valid_from', 'timestamp with time zone', 'First instant it holds, compared with statement_timestamp()'),
      optional('valid_until', 'timestamp with time zone', 'First instant it no longer holds; null: open end'),
      column('decision', 'text', 'Consent id of the decision it follows from'),
    ],
  },
  {
    name: 'person_v1',
    schemas: ['directory'],
    says: 'Which person a Patient is; a person is never shown to a partner.',
    columns: [column('patient', 'text', 'Patient id'), column('person', 'uuid', 'Random id of the one human behind the Patients of several partners')],
  },
  {
    name: 'pathway_v1',
    schemas: ['directory'],
    says: 'Each version of each pathway that was loaded, once per service it defines. In force at t: in_force_from <= t and (in_force_until is null or t < in_force_until).',
    columns: [
      column('service', 'text', 'HealthcareService id'),
      column('service_key', 'text', 'Id of the service inside the pathway file'),
      column('pathway', 'text', 'Pathway id'),
      column('version', 'text', 'Pathway version'),
      column('in_force_from', 'timestamp with time zone', 'First instant this version is judged by'),
      optional('in_force_until', 'timestamp with time zone', 'First instant the next version is; null for the last'),
      column('definition', 'jsonb', 'The pathway as `Pathway` in contracts describes it'),
    ],
  },
  {
    name: 'recipient_v1',
    schemas: ['directory'],
    says: 'Who stands behind a service in the pathway version in force.',
    columns: [
      column('service', 'text', 'HealthcareService id'),
      column('partner', 'text', 'Partner id'),
      column('role', 'text', '`provider`: accountable · `delivery`: does the work under the provider'),
    ],
  },
  {
    name: 'message_v1',
    schemas: ['gateway'],
    says: 'Which referrals came as a message, and from whom: a decision on them goes back as a message. Absent where no gateway was ever started.',
    columns: [
      column('service_request', 'text', 'ServiceRequest id'),
      column('partner', 'text', 'Partner id of who sent it'),
      column('bundle', 'text', 'Bundle.id of the message'),
      column('request_id', 'text', 'X-Request-Id it came with'),
      column('correlation_id', 'text', 'X-Correlation-Id it came with'),
      column('reason', 'text', 'Reason code of its MessageHeader'),
      column('source', 'jsonb', 'Who sent it, as the message says'),
      column('destination', 'jsonb', 'Whom it was sent to, as the message says'),
      column('at', 'timestamp with time zone', 'When it was stored'),
    ],
  },
];
