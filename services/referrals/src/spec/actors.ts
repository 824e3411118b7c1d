import { CARER_INFORMED, coding, EXTENSIONS, OUTCOME, PRIMARY_REASON, STATUS_REASON, TASK_OUTPUT } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import { alone, create, patch, update, type ResourceAnswer } from '@baton/fhir-store';
import { newId, Refused, type Caller } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { serviceRequestRules } from '../service-request.rules.js';
import { taskRules } from '../task.rules.js';

export const SAFE_ZONES = 'gm-crisis-care.safe-zones';

export const caller = (partner: string): Caller => ({ partner, client: partner, scopes: ['system/*.cruds'], requestId: newId(), correlationId: newId() });

/** A referral to Safe Zones that holds all it must. */
export const referralOf = (patient: string, more: object = {}): Resource => ({
  resourceType: 'ServiceRequest',
  status: 'active',
  intent: 'order',
  subject: { reference: `Patient/${patient}` },
  performer: [{ reference: `HealthcareService/${SAFE_ZONES}` }],
  priority: 'urgent',
  reasonCode: [{ coding: [coding(PRIMARY_REASON, '18')], text: 'crisis' }],
  extension: [
    { url: EXTENSIONS.risk, valueString: 'Low at home' },
    { url: EXTENSIONS.youngPersonsWords, valueString: 'Somebody to talk to' },
    { url: EXTENSIONS.carerInformed, valueCoding: coding(CARER_INFORMED, 'informed') },
  ],
  ...more,
});

/** What partners do, each in a transaction of its own. */
export class Partners {
  constructor(private readonly database: Database) {}

  refer(partner: string, resource: Resource): Promise<ResourceAnswer> {
    const who = caller(partner);
    return alone(this.database, 'referrals', who, (tx) => create(serviceRequestRules, tx, who, { resource }));
  }

  put(partner: string, resource: Resource, ifMatch?: number): Promise<ResourceAnswer> {
    const who = caller(partner);
    const rules = resource.resourceType === 'Task' ? taskRules : serviceRequestRules;
    return alone(this.database, 'referrals', who, (tx) => update(rules, tx, who, { id: resource.id!, resource, ifMatch }));
  }

  patch(partner: string, resource: Resource, operations: unknown): Promise<ResourceAnswer> {
    const who = caller(partner);
    const rules = resource.resourceType === 'Task' ? taskRules : serviceRequestRules;
    return alone(this.database, 'referrals', who, (tx) => patch(rules, tx, who, { id: resource.id!, operations }));
  }
}

/** The refusal of something that must be refused. */
export async function refusal(what: Promise<unknown>): Promise<Refused> {
  const answer = await what.then(
    (value) => value,
    (error: unknown) => error,
  );
  if (answer instanceof Refused) return answer;
  throw answer instanceof Error ? answer : new Error(`It was not refused: ${JSON.stringify(answer)}`);
}

export const rulesOf = (refused: Refused): string[] => refused.violations.map((violation) => violation.rule);

export const reason = (code: keyof typeof STATUS_REASON.codes) => ({ coding: [coding(STATUS_REASON, code)] });

export const outcome = (code: keyof typeof OUTCOME.codes) => ({ type: { coding: [coding(TASK_OUTPUT, 'outcome')] }, valueCodeableConcept: { coding: [coding(OUTCOME, code)] } });
