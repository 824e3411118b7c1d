import { idOf, type CodeableConcept, type Resource, type Task } from '@baton/fhir';
import type { Amendment, Ruling, TypeRules } from '@baton/fhir-store';
import { refuse, refuseIfAny, type Caller } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import { circumstancesOf } from './circumstances.store.js';
import { auditAlong, inStep, requestAlong } from './referral-pair.store.js';
import { rolesOf, type Referral } from './referral-state.js';
import { decide, notAllowed, type Decision } from './referral.js';
import { LOCK_OF_TASK, referralOfTask, updateReferral } from './referral.store.js';
import { sameJson } from './same-json.js';
import { forbiddenChanges } from './task-changes.fhir.js';
import { groundsOf, shownInTask } from './task.fhir.js';
import { transitionTo, type Transition } from './transitions.js';

/**
 * Task: how the receiver handles a referral. It is made with its ServiceRequest and changed by the table of transitions
 * alone, by its referrer or by those who act for the receiving service.
 */
export const taskRules: TypeRules = {
  type: 'Task',
  schema: 'referrals',
  patientOf: (resource) => idOf((resource as unknown as Task).for?.reference, 'Patient'),
  lockFirst: LOCK_OF_TASK,
  othersMayChange: true,
  update,
};

async function update(tx: Tx, caller: Caller, { current, before, resource }: Amendment): Promise<Ruling> {
  const { state } = await referralOfTask(tx, current.id);
  const roles = rolesOf(state, caller.partner);
  if (roles.size === 0) throw refuse('forbidden', 'not-yours-to-write', 'Only the referrer and those who act for the receiving service change this Task.');
  const status = String(resource['status']);
  const line = transitionTo(state.status, status);
  const given = line ? withoutStaleReason(before, resource, line) : resource;
  const decided = line && decide(state, line.name, groundsOf(given as unknown as Task), await circumstancesOf(tx, caller, state, line, given as unknown as Task));
  refuseIfAny('rule-broken', [...(decided ? (decided.ok ? [] : decided.violations) : [notAllowed(state, status)]), ...forbiddenChanges(before, resource, roles)]);
  if (!decided?.ok) throw new Error('A decision without violations is a decision');
  inStep({ version: current.version + 1 }, decided.value.referral.taskVersion);
  return ruling(tx, caller, state, decided.value, given);
}

async function ruling(tx: Tx, caller: Caller, before: Referral, { referral, event }: Decision, given: Resource): Promise<Ruling> {
  const task = shownInTask(given, referral, tx.now);
  const request = referral.serviceRequestVersion === before.serviceRequestVersion ? undefined : await requestAlong(tx, caller, referral, task['statusReason'] as CodeableConcept | undefined);
  return {
    resource: task,
    ...(request ? { also: [request], audit: [auditAlong(request)] } : {}),
    rows: { referral: updateReferral(referral) },
    events: [event],
    ...(referral.episode === undefined ? {} : { ownReferences: [`EpisodeOfCare/${referral.episode}`] }),
  };
}

/** A reason left over from the status before says nothing of a status that needs none. */
function withoutStaleReason(before: Resource, resource: Resource, line: Transition): Resource {
  if (line.needs.includes('reason') || !sameJson(before['statusReason'], resource['statusReason'])) return resource;
  const { statusReason: _stale, ...rest } = resource;
  return rest;
}
