import {
  CARER_INFORMED, EXTENSIONS, organizationId, pathwayCanonical, resourceType, STATUS_REASON, type FhirPriority, type Pathway, type ReferralContent,
} from '@baton/contracts';
import { idOf, parseReference, type CodeableConcept, type Coding, type Extension, type Patient, type Reference, type Resource, type ServiceRequest } from '@baton/fhir';
import type { Violation } from '@baton/kernel';
import type { ReferralToJudge, YoungPerson } from './eligibility.js';
import { isDosSystem, type NamedService } from './pathway.store.js';
import type { Referral } from './referral-state.js';
import { serviceRequestStatus } from './transitions.js';

/** R4's own extension for the reason of a request's status; ServiceRequest has no element for it. */
export const REQUEST_STATUS_REASON = 'http://hl7.org/fhir/StructureDefinition/request-statusReason';

/** What a ServiceRequest says, in the terms of a referral. */
export interface RequestFacts {
  /** Patient id, where the subject is one that is kept here. */
  readonly patient: string | undefined;
  readonly service: NamedService | undefined;
  readonly site: string | undefined;
  readonly source: string | undefined;
  readonly priority: FhirPriority;
  /** Flags, plans and other resources about the young person that it names, `Type/id`. */
  readonly named: readonly string[];
  readonly codings: ReferralToJudge['codings'];
  readonly contains: readonly ReferralContent[];
}

/** Reads a ServiceRequest that is structurally valid. */
export function requestFacts(resource: Resource): RequestFacts {
  const request = resource as unknown as ServiceRequest;
  const of = (url: string): Extension | undefined => request.extension?.find((extension) => extension.url === url);
  const exclusions = (request.extension ?? []).filter((extension) => extension.url === EXTENSIONS.exclusion).map((extension) => extension.valueCodeableConcept);
  return {
    patient: idOf(request.subject?.reference, 'Patient'),
    service: namedService(request.performer),
    site: request.locationReference?.map((site) => idOf(site.reference, 'Location')).find((id) => id !== undefined),
    source: of(EXTENSIONS.referralSource)?.valueCoding?.code,
    priority: request.priority ?? 'routine',
    named: namedIn(request),
    codings: [...(request.reasonCode ?? []), ...exclusions].flatMap((concept) => concept?.coding ?? []).flatMap(({ system, code }) => (code === undefined ? [] : [{ system, code }])),
    contains: contents(request, of),
  };
}

/** Exactly one performer: a HealthcareService, by reference or by its id in the Directory of Services. */
function namedService(performers: readonly Reference[] | undefined): NamedService | undefined {
  const [performer, ...more] = performers ?? [];
  if (!performer || more.length > 0) return undefined;
  const id = idOf(performer.reference, 'HealthcareService');
  if (id !== undefined) return { id };
  const { system, value } = performer.identifier ?? {};
  return performer.reference === undefined && isDosSystem(system) && value !== undefined ? { dosServiceId: value } : undefined;
}

function namedIn(request: ServiceRequest): string[] {
  const references = [...(request.supportingInfo ?? []), ...(request.reasonReference ?? []), ...(request.basedOn ?? [])];
  const named = references.flatMap(({ reference }) => {
    const parsed = reference === undefined ? undefined : parseReference(reference);
    if (parsed?.kind !== 'local' || resourceType(parsed.type)?.visible !== 'decision') return [];
    return parsed.type === 'Patient' || parsed.type === 'ServiceRequest' || parsed.type === 'Task' ? [] : [`${parsed.type}/${parsed.id}`];
  });
  return [...new Set(named)];
}

function contents(request: ServiceRequest, of: (url: string) => Extension | undefined): ReferralContent[] {
  const says = (url: string): boolean => (of(url)?.valueString ?? '').trim() !== '';
  const subject = request.subject?.reference;
  const theirNote = (request.note ?? []).some((note) => note.text.trim() !== '' && subject !== undefined && note.authorReference?.reference === subject);
  const carer = of(EXTENSIONS.carerInformed)?.valueCoding?.code;
  const found: [ReferralContent, boolean][] = [
    ['reason', (request.reasonCode ?? []).some((reason) => reason.coding?.some((coding) => coding.code !== undefined))],
    ['referrers-term', (request.reasonCode ?? []).some((reason) => (reason.text ?? '').trim() !== '')],
    ['young-persons-words', says(EXTENSIONS.youngPersonsWords) || theirNote],
    ['carer-informed', carer !== undefined && Object.hasOwn(CARER_INFORMED.codes, carer)],
    ['risk', says(EXTENSIONS.risk) || (request.supportingInfo ?? []).some((info) => isFlag(request, info))],
    ['preferences', says(EXTENSIONS.preferences)],
  ];
  return found.filter(([, there]) => there).map(([content]) => content);
}

/** A Flag kept here, carried inside, or (in a message that is only judged) beside it. */
function isFlag(request: ServiceRequest, { reference = '', type }: Reference): boolean {
  const parsed = parseReference(reference);
  if (parsed?.kind === 'local' || parsed?.kind === 'absolute') return parsed.type === 'Flag';
  if (parsed?.kind === 'contained') return (request.contained ?? []).some((inside) => inside.resourceType === 'Flag' && inside.id === parsed.id);
  return parsed?.kind === 'urn' && type === 'Flag';
}

/** What is known of the young person: the places are those of the addresses in use, and none where only a street or postcode is given. */
export function youngPersonOf(patient: Patient | undefined, today: string): YoungPerson {
  const inUse = (patient?.address ?? []).filter(({ use, period }) => use !== 'old' && use !== 'billing' && (period?.end === undefined || period.end.slice(0, 10) >= today));
  const places = inUse.flatMap(({ line, city, district, state }) => {
    const areas = [city, district, state].filter((name) => name !== undefined);
    return areas.length === 0 ? [] : [...areas, ...(line ?? [])];
  });
  return { birthDate: patient?.birthDate, places };
}

/** Whether the Patient says how to reach the young person. */
export const hasContactDetails = (patient: Patient | undefined): boolean =>
  (patient?.telecom ?? []).length > 0 || (patient?.contact ?? []).some((contact) => (contact.telecom ?? []).length > 0);

/** What is wrong with a new ServiceRequest as such, whoever it is about. */
export function formFaults(resource: Resource, partner: string): Violation[] {
  const request = resource as unknown as ServiceRequest;
  const fault = (rule: string, says: string, at: string): Violation => ({ rule, says, at: [at], code: 'business-rule' });
  const requester = idOf(request.requester?.reference, 'Organization');
  return [
    ...(request.status === 'active' ? [] : [fault('status-not-active', 'A referral begins active.', 'ServiceRequest.status')]),
    ...(namedService(request.performer) ? [] : [oneService]),
    ...(requester === undefined || requester === organizationId(partner) ? [] : [fault('requester-not-you', 'The requester is your own Organization, or somebody of it.', 'ServiceRequest.requester')]),
  ];
}

/** The refusal of a performer that is not one service. */
export const oneService: Violation = {
  rule: 'performer-not-one-service',
  says: 'A referral has one performer: a HealthcareService, by reference or by its DoS service id.',
  at: ['ServiceRequest.performer'],
  code: 'required',
};

/** A new ServiceRequest with what Baton adds: the service it found, the pathway version it is judged by, requester and time where not said. */
export function completed(resource: Resource, what: { service: string; partner: string; pathway: Pathway; now: Date }): Resource {
  const request = resource as unknown as ServiceRequest;
  const { id, version } = what.pathway;
  const [performer] = request.performer ?? [];
  const others = (request.instantiatesCanonical ?? []).filter((canonical) => !canonical.startsWith(pathwayCanonical('')));
  return {
    ...resource,
    instantiatesCanonical: [...others, pathwayCanonical(id, version)],
    authoredOn: request.authoredOn ?? what.now.toISOString(),
    requester: request.requester ?? { reference: `Organization/${organizationId(what.partner)}` },
    performer: [{ ...performer, reference: `HealthcareService/${what.service}` }],
  };
}

/** The ServiceRequest as the referral's state shows in it; the reason of the Task's status comes along. */
export function shownInRequest(resource: Resource, referral: Referral, reason: CodeableConcept | undefined): Resource {
  const status = serviceRequestStatus(referral.status);
  const { extension, ...content } = resource as unknown as ServiceRequest & Resource;
  const others = (extension ?? []).filter((each) => each.url !== REQUEST_STATUS_REASON);
  const extensions = status === 'active' || status === 'completed' || !reason ? others : [...others, { url: REQUEST_STATUS_REASON, valueCodeableConcept: reason }];
  return { ...content, status, ...(extensions.length === 0 ? {} : { extension: extensions }) };
}

/** The reason a referrer gives for taking a referral back, where the ServiceRequest says one. */
export const requestStatusReason = (resource: Resource): CodeableConcept | undefined =>
  (resource as unknown as ServiceRequest).extension?.find((extension) => extension.url === REQUEST_STATUS_REASON)?.valueCodeableConcept;

/** A reason as Baton gives it itself. */
export const batonsReason = (code: keyof typeof STATUS_REASON.codes): CodeableConcept => ({ coding: [{ system: STATUS_REASON.system, code, display: STATUS_REASON.codes[code] } satisfies Coding] });
