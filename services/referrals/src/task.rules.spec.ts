import { CARE_PLAN_KIND, coding, EXTENSIONS, OUTCOME, STATUS_REASON, TASK_OUTPUT } from '@baton/contracts';
import type { Resource, Task } from '@baton/fhir';
import { Refused } from '@baton/kernel';
import fc from 'fast-check';
import type { Grounds, Referral } from './referral-state.js';
import { decide, notAllowed } from './referral.js';
import { lockReferral } from './referral.store.js';
import { Partners, referralOf } from './spec/actors.js';
import { neighbours, type Neighbours } from './spec/neighbours.js';
import { groundsOf } from './task.fhir.js';
import { serviceRequestStatus, TASK_STATUSES, transitionTo, type TaskStatus } from './transitions.js';

let around: Neighbours;
let partners: Partners;

beforeAll(async () => {
  around = await neighbours();
  partners = new Partners(around.referrals);
});
afterAll(() => around?.test.drop());

const TRUST = 'rapid-response';
const CHARITY = 'safe-zones';

interface Step {
  readonly by: string;
  readonly to: TaskStatus;
  readonly reason: keyof typeof STATUS_REASON.codes | undefined;
  readonly reviewDate: string | undefined;
  readonly outcome: keyof typeof OUTCOME.codes | undefined;
}

// Steps that lead on are drawn more often than the table's many refusals, or hardly a sequence would get anywhere.
const step: fc.Arbitrary<Step> = fc.record({
  by: fc.constantFrom(CHARITY, CHARITY, CHARITY, 'bolton-lads-and-girls', TRUST),
  to: fc.oneof({ weight: 1, arbitrary: fc.constantFrom(...TASK_STATUSES) }, { weight: 3, arbitrary: fc.constantFrom<TaskStatus>('received', 'accepted', 'in-progress', 'on-hold', 'completed') }),
  reason: fc.option(fc.constantFrom('other', 'in-hospital', 'consent-withdrawn'), { nil: undefined, freq: 3 }),
  reviewDate: fc.constantFrom('2099-01-01', '2099-01-01', '2020-01-01', undefined),
  outcome: fc.option(fc.constantFrom('goals-met', 'partly-met'), { nil: undefined, freq: 3 }),
});

const by = (partner: string, to: TaskStatus, reason?: Step['reason']): Step => ({ by: partner, to, reason, reviewDate: to === 'on-hold' ? '2099-01-01' : undefined, outcome: to === 'completed' ? 'goals-met' : undefined });
const begun = [by(CHARITY, 'received'), by(CHARITY, 'accepted'), by(CHARITY, 'in-progress'), by(CHARITY, 'on-hold', 'in-hospital'), by(CHARITY, 'in-progress')];

/** Each end a referral can come to, so that none is left to chance. */
const ENDS: Step[][] = [
  [...begun, by(CHARITY, 'completed'), by(TRUST, 'cancelled', 'other')],
  [...begun, by(CHARITY, 'failed', 'other')],
  [by(CHARITY, 'rejected', 'other'), by(TRUST, 'entered-in-error', 'other')],
  [by(TRUST, 'cancelled', 'other')],
];

/** What a partner sends: the Task as it stands, with what the step says of it, and nothing left over from the step before. */
function sent(task: Task & Resource, { by, to, reason, reviewDate, outcome }: Step): Resource {
  const { statusReason: _reason, ...kept } = task;
  const why = reason === undefined ? {} : { statusReason: { coding: [coding(STATUS_REASON, reason)] } };
  if (by === TRUST) return { ...kept, status: to, ...why };
  const { extension: _extension, output, ...rest } = kept;
  const episode = (output ?? []).filter((each) => each.type.coding?.[0]?.code === 'episode');
  const outputs = [...episode, ...(outcome === undefined ? [] : [{ type: { coding: [coding(TASK_OUTPUT, 'outcome')] }, valueCodeableConcept: { coding: [coding(OUTCOME, outcome)] } }])];
  return {
    ...rest,
    status: to,
    ...why,
    ...(reviewDate === undefined ? {} : { extension: [{ url: EXTENSIONS.reviewDate, valueDate: reviewDate }] }),
    ...(outputs.length === 0 ? {} : { output: outputs }),
  };
}

/** What the pure rules say of a step, or the names of the rules it breaks. */
function expected(referral: Referral, { by, to }: Step, grounds: Grounds, contact: boolean): Referral | string[] {
  const line = transitionTo(referral.status, to);
  if (!line) return [notAllowed(referral, to).rule];
  // The same reason again, where none is needed, is one that was left over.
  const reason = !line.needs.includes('reason') && grounds.reason === referral.reason ? undefined : grounds.reason;
  const decided = decide(referral, line.name, { ...grounds, reason }, { by, now: new Date(), hasContact: contact, demanded: ['outcome', 'aftercare-plan'], present: contact ? ['aftercare-plan'] : [], episode: 'any' });
  return decided.ok ? decided.value.referral : decided.violations.map((violation) => violation.rule);
}

async function stored(type: string, id: string): Promise<Resource> {
  const [row] = await around.test.admin<{ body: Resource }>('SELECT body FROM referrals.resource WHERE type = $1 AND id = $2', [type, id]);
  return row!.body;
}

/** Whether a write moved the Task, or which rules stood against it. */
async function outcomeOf(write: Promise<unknown>): Promise<'moved' | string[]> {
  try {
    await write;
    return 'moved';
  } catch (error) {
    if (error instanceof Refused) return error.violations.map((violation) => violation.rule);
    throw error;
  }
}

describe('a Task, through any sequence of PUTs', () => {
  it('goes where the pure rules go, tells it once, and stands still where they refuse', async () => {
    const reached = new Set<TaskStatus>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), fc.boolean(), async (steps, contact) => {
        const patient = await around.youngPerson(TRUST);
        const { id } = await partners.refer(TRUST, referralOf(patient));
        await around.allow(id, patient, TRUST, CHARITY, 'bolton-lads-and-girls');
        if (contact) {
          await around.keep('episodes', { resourceType: 'Encounter', status: 'finished' }, { owner: CHARITY, patient, category: 'contact', context: id });
          await around.keep('episodes', { resourceType: 'CarePlan', status: 'active', category: [{ coding: [coding(CARE_PLAN_KIND, 'aftercare-plan')] }] }, { owner: CHARITY, patient, category: 'plan', context: id });
        }
        let model = (await around.referrals.transaction((tx) => lockReferral(tx, id)))!.state;

        for (const each of steps) {
          const task = (await stored('Task', model.task)) as Task & Resource;
          const sending = sent(task, each);
          const wanted = expected(model, each, groundsOf(sending as unknown as Task), contact);
          const got = await outcomeOf(partners.put(each.by, sending));
          expect(got).toEqual(Array.isArray(wanted) ? wanted : 'moved');
          const now = (await around.referrals.transaction((tx) => lockReferral(tx, id)))!.state;
          if (!Array.isArray(wanted)) {
            reached.add(wanted.status);
            model = { ...wanted, ...(wanted.episode === undefined ? {} : { episode: now.episode! }) };
          }
          expect(now).toEqual(model);
          expect(await stored('Task', model.task)).toMatchObject({ status: model.status, meta: { versionId: String(model.taskVersion) } });
          expect(await stored('ServiceRequest', id)).toMatchObject({ status: serviceRequestStatus(model.status), meta: { versionId: String(model.serviceRequestVersion) } });
        }
        const events = await around.test.admin<{ version: number }>('SELECT version FROM referrals.outbox WHERE key = $1 ORDER BY seq', [id]);
        expect(events.map((event) => event.version)).toEqual(Array.from({ length: model.version }, (_, i) => i + 1));
      }),
      { numRuns: 35, examples: ENDS.map((steps) => [steps, true]) },
    );
    expect([...reached].toSorted()).toEqual(TASK_STATUSES.filter((status) => status !== 'requested').toSorted());
  });
});
