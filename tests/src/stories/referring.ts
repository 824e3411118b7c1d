import { healthcareServiceId } from '@baton/contracts';
import { eventually } from '@baton/testing';
import type { Answer, PartnerSystem } from '../partner-system.js';
import { bundleOf, referralOf, type Sent } from './records.js';

export const SAFE_ZONES = healthcareServiceId('gm-crisis-care', 'safe-zones');

/** Ids of what makes a referral. */
export interface Referred {
  readonly patient: string;
  readonly flag: string;
  readonly referral: string;
  readonly task: string;
}

/** The answer, if it has the status: else an error that says what came. */
export function expected(status: number, answer: Answer): Answer {
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.text}`);
  return answer;
}

/** Creates a resource. @returns its id */
export const created = async (partner: PartnerSystem, resource: Sent): Promise<string> => expected(201, await partner.post(resource.resourceType, resource)).body.id as string;

/** Refers a young person to Safe Zones by single requests. */
export async function refer(trust: PartnerSystem, { patient, flag, request } = referralOf()): Promise<Referred> {
  const patientId = await created(trust, patient);
  const flagId = await created(trust, flag(patientId));
  const referral = await created(trust, request(patientId, flagId));
  return { patient: patientId, flag: flagId, referral, task: await taskOf(trust, referral) };
}

/** Refers a young person to Safe Zones by one transaction. */
export async function referAtOnce(trust: PartnerSystem, bundle = bundleOf()): Promise<Referred> {
  const answer = expected(200, await trust.post('', bundle));
  const [patient, flag, referral] = (answer.body.entry as { response: { location: string } }[]).map(({ response }) => response.location.split('/_history')[0]!.split('/').at(-1)!);
  return { patient: patient!, flag: flag!, referral: referral!, task: await taskOf(trust, referral!) };
}

/** Id of a referral's Task, as the partner sees it. */
export async function taskOf(partner: PartnerSystem, referral: string): Promise<string> {
  const found = expected(200, await partner.get(`Task?focus=ServiceRequest/${referral}`));
  return found.body.entry[0].resource.id as string;
}

/** Sets the Task to a status, from its version as the partner sees it now. */
export async function setStatus(partner: PartnerSystem, task: string, status: string, more: object = {}): Promise<Answer> {
  const { body } = expected(200, await partner.get(`Task/${task}`));
  return partner.put(`Task/${task}`, { ...body, ...more, status }, { 'if-match': `W/"${body.meta.versionId}"` });
}

/** Waits until a partner sees a resource. */
export const sees = (partner: PartnerSystem, reference: string): Promise<Answer> => eventually(async () => expected(200, await partner.get(reference)), { within: 10_000 });

/** Waits until a partner no longer sees it. */
export const seesNot = (partner: PartnerSystem, reference: string): Promise<Answer> => eventually(async () => expected(404, await partner.get(reference)), { within: 10_000 });

/** Rules that an OperationOutcome names. */
export const rulesOf = (answer: Answer): string[] => (answer.body.issue as { details: { coding?: { code: string }[] } }[]).flatMap(({ details }) => details.coding?.map(({ code }) => code) ?? []);
