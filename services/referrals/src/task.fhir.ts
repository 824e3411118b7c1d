import { BUSINESS_STATUS, EXTENSIONS, organizationId, OUTCOME, REJECTION, STATUS_REASON, TASK_OUTPUT, type CodeSystem } from '@baton/contracts';
import { idOf, type CodeableConcept, type Extension, type Resource, type Task, type TaskOutput } from '@baton/fhir';
import { businessStatus, type Grounds, type Referral } from './referral-state.js';

const FULFIL = { coding: [{ system: 'http://hl7.org/fhir/CodeSystem/task-code', code: 'fulfill', display: 'Fulfill the focal request' }] };

/** The Task of a new referral: the receiver's handling of it. The priority is the ServiceRequest's, and may change there. */
export const newTask = (referral: Referral, now: Date): Resource =>
  shownInTask(
    {
      resourceType: 'Task',
      status: referral.status,
      intent: 'order',
      code: FULFIL,
      focus: { reference: `ServiceRequest/${referral.id}` },
      for: { reference: `Patient/${referral.patient}` },
      authoredOn: now.toISOString(),
      requester: { reference: `Organization/${organizationId(referral.referrer)}` },
      owner: { reference: `Organization/${organizationId(referral.recipients[0]!)}` },
    },
    referral,
    now,
  );

/**
 * The Task as the referral's state shows in it: what Baton sets, from the state; what partners say, as it stands. A
 * reason stays with the status it was given for.
 */
export function shownInTask(resource: Resource, referral: Referral, now: Date): Resource {
  const { statusReason, businessStatus: _business, output, extension, ...content } = resource as unknown as Task & Resource;
  const business = businessStatus(referral);
  const outputs = [...(output ?? []).filter((each) => !isOutput(each, 'episode')), ...(referral.episode === undefined ? [] : [episodeOutput(referral.episode)])];
  const extensions = [...(extension ?? []).filter((each) => each.url !== EXTENSIONS.expectedWait && (each.url !== EXTENSIONS.reviewDate || referral.status === 'on-hold')), ...waitOf(referral)];
  return {
    ...content,
    status: referral.status,
    ...(referral.reason === undefined ? {} : { statusReason: reasonCode(statusReason) === referral.reason ? statusReason : batonsConcept(referral.reason) }),
    ...(business === undefined ? {} : { businessStatus: businessConcept(referral, business) }),
    lastModified: now.toISOString(),
    ...(outputs.length === 0 ? {} : { output: outputs }),
    ...(extensions.length === 0 ? {} : { extension: extensions }),
  };
}

function businessConcept(referral: Referral, code: keyof typeof BUSINESS_STATUS.codes): CodeableConcept {
  const coding = [{ system: BUSINESS_STATUS.system, code, display: BUSINESS_STATUS.codes[code] }];
  return code === 'waiting' && referral.waiting ? { coding, text: `Waits for room; ahead: ${referral.waiting.ahead}` } : { coding };
}

function waitOf(referral: Referral): Extension[] {
  const days = businessStatus(referral) === 'waiting' ? referral.waiting?.expectedDays : undefined;
  return days === undefined ? [] : [{ url: EXTENSIONS.expectedWait, valueDuration: { value: days, unit: 'day', system: 'http://unitsofmeasure.org', code: 'd' } }];
}

const isOutput = (output: TaskOutput, code: keyof typeof TASK_OUTPUT.codes): boolean => output.type?.coding?.some((coding) => coding.system === TASK_OUTPUT.system && coding.code === code) ?? false;

const episodeOutput = (episode: string): TaskOutput => ({
  type: { coding: [{ system: TASK_OUTPUT.system, code: 'episode', display: TASK_OUTPUT.codes.episode }] },
  valueReference: { reference: `EpisodeOfCare/${episode}` },
});

/** Outputs that Baton sets, of those a Task has. */
export const batonsOutputs = (task: Task): TaskOutput[] => (task.output ?? []).filter((each) => isOutput(each, 'episode'));

const codeIn = (concept: CodeableConcept | undefined, list: CodeSystem): string | undefined =>
  concept?.coding?.find((coding) => coding.system === list.system && coding.code !== undefined && Object.hasOwn(list.codes, coding.code))?.code;

/**
 * The shared code of a reason: of Baton's list or the national one; `other` where a partner has given a code of its own,
 * so that no foreign text travels in events. Nothing without a code.
 */
export const reasonCode = (concept: CodeableConcept | undefined): string | undefined =>
  codeIn(concept, STATUS_REASON) ?? codeIn(concept, REJECTION) ?? (concept?.coding?.some((coding) => coding.code !== undefined) ? 'other' : undefined);

const batonsConcept = (reason: string): CodeableConcept => {
  const list: CodeSystem = Object.hasOwn(STATUS_REASON.codes, reason) ? STATUS_REASON : REJECTION;
  const display = list.codes[reason];
  return { coding: [{ system: list.system, code: reason, ...(display === undefined ? {} : { display }) }] };
};

/** Why a partner sets a status, as its Task says it. A reason that was there before, for another status, counts only where one is needed. */
export function groundsOf(task: Task): Grounds {
  const outcome = task.output?.find((each) => isOutput(each, 'outcome'))?.valueCodeableConcept;
  const instead = task.output?.find((each) => isOutput(each, 'instead'))?.valueReference?.reference;
  return {
    reason: reasonCode(task.statusReason),
    reviewDate: task.extension?.find((each) => each.url === EXTENSIONS.reviewDate)?.valueDate,
    outcome: codeIn(outcome, OUTCOME),
    instead: idOf(instead, 'HealthcareService'),
  };
}

/** CarePlan ids the Task names as what the young person leaves with. */
export const aftercarePlansOf = (task: Task): string[] =>
  (task.output ?? []).filter((each) => isOutput(each, 'aftercare-plan')).flatMap((each) => idOf(each.valueReference?.reference, 'CarePlan') ?? []);
