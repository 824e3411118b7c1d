import { CARE_PLAN_KIND, serviceOf, type DischargeContent } from '@baton/contracts';
import type { CarePlan, Encounter, Task } from '@baton/fhir';
import { contentOf, read, recordedFor } from '@baton/fhir-store';
import { newId, type Caller } from '@baton/kernel';
import type { Reader, Tx } from '@baton/postgres';
import { pathwayOfVersion } from './pathway.store.js';
import type { Circumstances, Referral } from './referral-state.js';
import { aftercarePlansOf } from './task.fhir.js';
import type { Transition } from './transitions.js';

const NO_CONTACT = ['cancelled', 'entered-in-error'];
const NO_PLAN = ['entered-in-error', 'revoked', 'unknown'];

/**
 * What the rules of a transition ask about, as it stands in the same transaction: contacts and plans that other services
 * keep, what the pathway version of the referral demands, the id an episode will have.
 */
export async function circumstancesOf(tx: Tx, caller: Caller, referral: Referral, line: Transition, task: Task): Promise<Circumstances> {
  const asked = { by: caller.partner, now: tx.now };
  switch (line.name) {
    case 'accept':
      return { ...asked, episode: newId() };
    case 'start':
      return { ...asked, hasContact: (await contactsOf(tx, referral)).length > 0 };
    case 'complete':
      return { ...asked, demanded: await demandedOf(tx, referral), present: await presentOf(tx, caller, referral, task) };
    default:
      return asked;
  }
}

const recorded = (from: Reader, referral: Referral, type: string) => recordedFor(from, { type, context: referral.id, patient: referral.patient, owners: referral.recipients });

/** Contacts of the receiving service that name the referral, booked or made. */
async function contactsOf(from: Reader, referral: Referral): Promise<Encounter[]> {
  const rows = await recorded(from, referral, 'Encounter');
  return rows.map((row) => contentOf(row) as unknown as Encounter).filter((contact) => !NO_CONTACT.includes(contact.status));
}

async function demandedOf(from: Reader, referral: Referral): Promise<readonly DischargeContent[]> {
  return serviceOf(await pathwayOfVersion(from, referral.pathway), referral.service)?.dischargeMustContain ?? [];
}

async function presentOf(tx: Tx, caller: Caller, referral: Referral, task: Task): Promise<DischargeContent[]> {
  const plans = (await recorded(tx, referral, 'CarePlan')).map((row) => contentOf(row) as unknown as CarePlan).filter((plan) => !NO_PLAN.includes(plan.status));
  const kinds = new Set(plans.flatMap((plan) => plan.category ?? []).flatMap((kind) => kind.coding ?? []).flatMap(({ system, code }) => (system === CARE_PLAN_KIND.system ? code : undefined)));
  const followUp = (await contactsOf(tx, referral)).some((contact) => contact.status === 'planned');
  const leavesWith = kinds.has('aftercare-plan') || (await namesPlan(tx, caller, referral, task));
  const crisis = kinds.has('crisis-plan') || kinds.has('safety-plan');
  return [...(leavesWith ? (['aftercare-plan'] as const) : []), ...(crisis ? (['crisis-plan'] as const) : []), ...(followUp ? (['follow-up'] as const) : [])];
}

/** Whether the Task names a plan that the receiver sees and that is about this young person. */
async function namesPlan(tx: Tx, caller: Caller, referral: Referral, task: Task): Promise<boolean> {
  for (const id of aftercarePlansOf(task)) {
    const row = await read(tx, caller, 'CarePlan', id);
    if (!row || row.deleted || (row.patient !== referral.patient && row.context !== referral.id)) continue;
    if (!NO_PLAN.includes((contentOf(row) as unknown as CarePlan).status)) return true;
  }
  return false;
}
