import { acknowledgementMinutes, organizationId, recipientsOf, serviceOf, type Pathway, type PathwayService } from '@baton/contracts';
import type { Patient, Resource, ServiceRequest } from '@baton/fhir';
import { contentOf, created, read, unknownReference, type Amendment, type Draft, type Ruling, type TypeRules } from '@baton/fhir-store';
import { newId, refuse, Refused, refuseIfAny, type Caller, type Result, type Violation } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import { capacityOf, roomIn, toJudge, unknownService, verdictOn } from './assessment.service.js';
import { contentFaults, siteFaults } from './eligibility.js';
import { Ineligible, routeOf } from './ineligible.js';
import { intake, likelyInForce, pathwayOfVersion, type NamedService, type ServiceInForce } from './pathway.store.js';
import { auditAlong, inStep, taskAlong } from './referral-pair.store.js';
import type { Referral } from './referral-state.js';
import { insertReferral, LOCK_OF_REQUEST, referralOfRequest, standing, updateReferral, type Standing, type StoredReferral } from './referral.store.js';
import { amend, decide, notAllowed, request, type Decision } from './referral.js';
import { sameJson } from './same-json.js';
import { completed, formFaults, REQUEST_STATUS_REASON, requestFacts, requestStatusReason, shownInRequest, type RequestFacts } from './service-request.fhir.js';
import { newTask, reasonCode } from './task.fhir.js';
import type { TransitionName } from './transitions.js';

/**
 * ServiceRequest: a referral as its referrer asks for it. Creating one is judged by the pathway in force; afterwards its
 * referrer amends it or takes it back; its status follows the Task's and nothing else.
 */
export const serviceRequestRules: TypeRules = {
  type: 'ServiceRequest',
  schema: 'referrals',
  patientOf: (resource) => requestFacts(resource).patient,
  lockFirst: LOCK_OF_REQUEST,
  create,
  update: async (tx, caller, amendment) => {
    const stored = await referralOfRequest(tx, amendment.current.id);
    return amendment.resource['status'] === amendment.before['status'] ? amendedBy(tx, caller, amendment, stored) : takenBack(tx, caller, amendment, stored);
  },
};

async function create(tx: Tx, caller: Caller, draft: Draft): Promise<Ruling> {
  const facts = requestFacts(draft.resource);
  const faults = formFaults(draft.resource, caller.partner);
  const [{ patient, subject }, begun] = await Promise.all([
    ownPatient(tx, caller, facts),
    facts.service && facts.patient !== undefined ? begin(tx, caller, facts, facts.service, facts.patient) : undefined,
  ]);
  if (!begun) throw refusedFor(faults);
  const { found, person } = begun;
  if (!found) throw refusedFor([...faults, unknownService]);
  if (person === undefined) throw unknownSubject();
  const service = serviceIn(found);
  const capacity = capacityOf(found.pathway, service, facts.site);
  const { open, ...load } = begun.standing ?? (await standingAt(tx, caller, facts, found, subject));
  if (open !== undefined) throw openAlready(open);

  const asked = { facts, ...found, referrer: caller.partner, patient };
  const verdict = verdictOn({ ...asked, now: tx.now, faults, room: roomIn(capacity, load) });
  if (!verdict.eligible) throw new Ineligible(routeOf(found.pathway, service, toJudge(asked)), verdict.violations);
  const decision = request({
    id: draft.id,
    task: newId(),
    patient: subject,
    referrer: caller.partner,
    service: found.service,
    recipients: recipientsOf(found.pathway, service.id),
    priority: facts.priority,
    pathway: { id: found.pathway.id, version: found.pathway.version },
    named: facts.named,
    ...(verdict.waiting ? { waiting: verdict.waiting } : {}),
  });
  return rulingOnNew(tx, caller, draft, decision, { found, service, person, site: facts.site });
}

/**
 * In one flight with the Patient: what it finds counts only if that may be seen. How full the service is can be asked along, if the
 * pathway in force is the one it was last time; `standing` is missing otherwise.
 */
async function begin(tx: Tx, caller: Caller, facts: RequestFacts, named: NamedService, patient: string): Promise<Begun> {
  const likely = likelyInForce(named);
  const [begun, standing] = await Promise.all([
    intake(tx, named, patient, caller.partner),
    likely && standingAt(tx, caller, facts, likely, patient),
  ]);
  const { found } = begun;
  return { ...begun, ...(standing && found?.service === likely?.service && found?.pathway === likely?.pathway ? { standing } : {}) };
}

type Begun = Awaited<ReturnType<typeof intake>> & { readonly standing?: Standing };

const standingAt = (tx: Tx, { partner }: Caller, { site }: RequestFacts, { service, pathway }: ServiceInForce, patient: string): Promise<Standing> =>
  standing(tx, { service, site, capacity: capacityOf(pathway, serviceIn({ service, pathway }), site), patient, referrer: partner });

function rulingOnNew(tx: Tx, caller: Caller, draft: Draft, { referral, event }: Decision, known: { found: ServiceInForce; service: PathwayService; person: string; site: string | undefined }): Ruling {
  const { found, service, person, site } = known;
  const task = created({ id: referral.task, resource: newTask(referral, tx.now), owner: caller.partner, patient: referral.patient, context: referral.id, now: tx.now });
  return {
    resource: completed(draft.resource, { service: found.service, partner: caller.partner, pathway: found.pathway, now: tx.now }),
    context: draft.id,
    also: [task],
    rows: { referral: insertReferral({ state: referral, person, site, requestedAt: tx.now }, acknowledgementMinutes(service, referral.priority)) },
    events: [event],
    audit: [auditAlong(task)],
    ownReferences: [`HealthcareService/${found.service}`, `Organization/${organizationId(caller.partner)}`],
  };
}

/** The subject: a Patient that the referrer made. What is hidden, absent or another partner's is refused alike. */
async function ownPatient(tx: Tx, caller: Caller, { patient: id }: RequestFacts): Promise<{ patient: Patient; subject: string }> {
  const row = id === undefined ? undefined : await read(tx, caller, 'Patient', id);
  if (!row || row.deleted || row.owner !== caller.partner) throw unknownSubject();
  return { patient: contentOf(row) as unknown as Patient, subject: row.id };
}

const unknownSubject = (): Refused => new Refused('rule-broken', [unknownReference('ServiceRequest.subject.reference')]);

const refusedFor = (violations: readonly Violation[]): Refused => new Refused('rule-broken', violations as [Violation, ...Violation[]]);

/** Only ever the caller's own: duplicates are asked for by referrer. */
const openAlready = (open: string): Refused =>
  refuse('duplicate', 'referral-open-already', 'You have an open referral of this young person to this service; amend that one, or take it back first.', { at: ['ServiceRequest'], see: `ServiceRequest/${open}` });

function serviceIn({ pathway, service }: { pathway: Pathway; service: string }): PathwayService {
  const found = serviceOf(pathway, service);
  if (!found) throw new Error(`Pathway ${pathway.id}|${pathway.version} does not define ${service}`);
  return found;
}

/** What a referral was made and judged with; another of it is another referral. */
const STANDS = ['performer', 'instantiatesCanonical', 'requester', 'authoredOn', 'intent'];

async function amendedBy(tx: Tx, caller: Caller, { before, resource, current }: Amendment, stored: StoredReferral): Promise<Ruling> {
  const { state } = stored;
  const facts = requestFacts(resource);
  const pathway = await pathwayOfVersion(tx, state.pathway);
  const service = serviceIn({ pathway, service: state.service });
  const decided = amend(state, { priority: facts.priority, named: facts.named }, { by: caller.partner, now: tx.now });
  refuseIfAny('rule-broken', [
    ...(decided.ok ? [] : decided.violations),
    ...STANDS.filter((element) => !sameJson(before[element], resource[element])).map(stands),
    ...(sameJson(requestStatusReason(before), requestStatusReason(resource)) ? [] : [stands('extension')]),
    ...contentFaults(service, [...facts.contains, 'contact-details']),
    ...siteFaults(pathway, service, facts.site),
  ]);
  const { referral, event } = valueOf(decided);
  inStep({ version: current.version + 1 }, referral.serviceRequestVersion);
  const urgency = referral.priority === state.priority ? 'as-is' : { atMost: acknowledgementMinutes(service, referral.priority) };
  return { resource, rows: { referral: updateReferral(referral, urgency, facts.site) }, events: [event] };
}

const stands = (element: string): Violation => ({ rule: 'element-stands', says: `ServiceRequest.${element} stands as the referral was made.`, at: [`ServiceRequest.${element}`], code: 'business-rule' });

/** What may change along with the status: why, and what is said about it. */
const WITH_STATUS = ['resourceType', 'id', 'meta', 'status', 'extension', 'note', 'text'];
const BY_STATUS: Readonly<Record<string, TransitionName>> = { revoked: 'cancel', 'entered-in-error': 'mark-in-error' };

/** A new status: the referrer takes the referral back, or says it should not be; everything else is the receiver's to set, on the Task. */
async function takenBack(tx: Tx, caller: Caller, { before, resource, current }: Amendment, { state }: StoredReferral): Promise<Ruling> {
  const name = BY_STATUS[String(resource['status'])];
  const reason = requestStatusReason(resource);
  const decided = name && decide(state, name, { reason: reasonCode(reason) }, { by: caller.partner, now: tx.now });
  refuseIfAny('rule-broken', [
    ...(decided ? (decided.ok ? [] : decided.violations.map(inRequest)) : [inRequest(notAllowed(state, String(resource['status'])))]),
    ...otherChanges(before, resource).map(stands),
  ]);
  const { referral, event } = valueOf(decided!);
  inStep({ version: current.version + 1 }, referral.serviceRequestVersion);
  const task = await taskAlong(tx, caller, referral, reason);
  return { resource: shownInRequest(resource, referral, reason), also: [task], rows: { referral: updateReferral(referral) }, events: [event], audit: [auditAlong(task)] };
}

function otherChanges(before: Resource, after: Resource): string[] {
  const extensions = (resource: Resource) => ((resource as unknown as ServiceRequest).extension ?? []).filter((each) => each.url !== REQUEST_STATUS_REASON);
  const names = new Set([...Object.keys(before), ...Object.keys(after)].filter((name) => !WITH_STATUS.includes(name)));
  return [...[...names].filter((name) => !sameJson(before[name], after[name])), ...(sameJson(extensions(before), extensions(after)) ? [] : ['extension'])];
}

const IN_REQUEST: Readonly<Record<string, string>> = { 'Task.status': 'ServiceRequest.status', 'Task.statusReason': 'ServiceRequest.extension(request-statusReason)' };

/** The same violation, at the place in a ServiceRequest. */
const inRequest = (violation: Violation): Violation => ({ ...violation, at: (violation.at ?? []).map((place) => IN_REQUEST[place] ?? place) });

function valueOf(decided: Result<Decision>): { referral: Referral; event: Decision['event'] } {
  if (!decided.ok) throw refusedFor(decided.violations);
  return decided.value;
}
