import type { Audited } from '@baton/access';
import type { CodeableConcept, Resource } from '@baton/fhir';
import { amended, contentOf, lock, type Put, type StoredRow } from '@baton/fhir-store';
import { batonActs, type Caller } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import type { Referral } from './referral-state.js';
import { shownInRequest } from './service-request.fhir.js';
import { shownInTask } from './task.fhir.js';

/**
 * ServiceRequest and Task of a referral: whoever changes one, Baton brings the other along in the same statement, under
 * the referral's lock. Whether the caller sees the other is not asked: it gets nothing of it.
 */
async function lockOther(tx: Tx, caller: Caller, type: 'ServiceRequest' | 'Task', id: string): Promise<StoredRow> {
  const row = await lock(tx, batonActs(caller), type, id);
  if (!row) throw new Error(`A referral has no ${type}`);
  return row;
}

/** The Task's next version, as the referral shows in it now. @param reason of the status, where somebody gave one elsewhere */
export async function taskAlong(tx: Tx, caller: Caller, referral: Referral, reason?: CodeableConcept): Promise<Put> {
  const row = await lockOther(tx, caller, 'Task', referral.task);
  const content = contentOf(row) as Resource;
  const put = amended(row, shownInTask(reason ? { ...content, statusReason: reason } : content, referral, tx.now), tx.now);
  return inStep(put, referral.taskVersion);
}

/** The ServiceRequest's next version, as the referral shows in it now. */
export async function requestAlong(tx: Tx, caller: Caller, referral: Referral, reason: CodeableConcept | undefined): Promise<Put> {
  const row = await lockOther(tx, caller, 'ServiceRequest', referral.id);
  const put = amended(row, shownInRequest(contentOf(row), referral, reason), tx.now);
  return inStep(put, referral.serviceRequestVersion);
}

/** What the events say of versions must be what is stored. @throws a defect if it is not */
export function inStep<What extends { readonly version: number }>(put: What, version: number): What {
  if (put.version !== version) throw new Error(`The versions of a referral and its resources differ: ${put.version}, ${version}`);
  return put;
}

/** The audit entry of a resource that was written along. */
export const auditAlong = (put: Put): Audited => ({
  interaction: put.version === 1 ? 'create' : 'update',
  resources: [`${put.type}/${put.id}/_history/${put.version}`],
  owners: [put.owner],
  ...(put.patient === null ? {} : { patient: put.patient }),
});
