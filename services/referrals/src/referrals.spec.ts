import { CARE_PLAN_KIND, coding, EXCLUSION, EXTENSIONS, IDENTIFIERS, pathwayCanonical } from '@baton/contracts';
import type { Resource, Task } from '@baton/fhir';
import { newId } from '@baton/kernel';
import { eventually } from '@baton/testing';
import { Pool } from 'pg';
import { assess } from './assessment.service.js';
import { Ineligible } from './ineligible.js';
import { recordIneligible } from './ineligible.store.js';
import { REQUEST_STATUS_REASON } from './service-request.fhir.js';
import { caller, outcome, Partners, reason, referralOf, refusal, rulesOf, SAFE_ZONES } from './spec/actors.js';
import { neighbours, type Neighbours } from './spec/neighbours.js';

let around: Neighbours;
let partners: Partners;

beforeAll(async () => {
  around = await neighbours();
  partners = new Partners(around.referrals);
});
afterAll(() => around?.test.drop());

const TRUST = 'rapid-response';
const CHARITY = 'safe-zones';
const CLUB = 'bolton-lads-and-girls';

/** A Task as it is kept. */
type Kept = Task & Resource & { id: string };

async function stored<R extends Resource = Resource>(type: string, id = ''): Promise<R> {
  const [row] = await around.test.admin<{ body: R }>('SELECT body FROM referrals.resource WHERE type = $1 AND id = $2', [type, id]);
  return row!.body;
}

interface Row {
  id: string;
  task: string;
  status: string;
  held: boolean;
  version: number;
  priority: string;
  pathway: string;
  pathway_version: string;
  person: string;
  undecided_in: number;
}

async function row(id: string): Promise<Row> {
  const [found] = await around.test.admin<Row>('SELECT *, round(extract(epoch FROM undecided_by - requested_at) / 60)::int AS undecided_in FROM referrals.referral WHERE id = $1', [id]);
  return found!;
}

const eventsOf = (id: string) => around.test.admin<{ type: string; version: number; data: Record<string, unknown> }>('SELECT type, version, data FROM referrals.outbox WHERE key = $1 ORDER BY seq', [id]);

/** A referral that the charity and its delivery partner may see. */
async function referred(more: object = {}): Promise<{ patient: string; id: string; task: Kept }> {
  const patient = await around.youngPerson(TRUST);
  const { id } = await partners.refer(TRUST, referralOf(patient, more));
  await around.allow(id, patient, TRUST, CHARITY, CLUB);
  return { patient, id, task: await stored('Task', (await row(id)).task) };
}

const moved = async (task: Resource, partner: string, change: object): Promise<Kept> => {
  const { body } = await partners.put(partner, { ...(await stored('Task', task.id)), ...change });
  return JSON.parse(body) as Kept;
};

describe('a new referral', () => {
  it('is stored with its Task, its event and the version it was judged by, together', async () => {
    const patient = await around.youngPerson(TRUST);
    const answer = await partners.refer(TRUST, referralOf(patient));
    const { id } = answer;
    const kept = await row(id);
    expect(kept).toMatchObject({ status: 'requested', held: false, version: 1, pathway: 'gm-crisis-care', pathway_version: '2026.2', undecided_in: 30 });
    expect(JSON.parse(answer.body)).toMatchObject({
      status: 'active',
      instantiatesCanonical: [pathwayCanonical('gm-crisis-care', '2026.2')],
      requester: { reference: `Organization/${TRUST}` },
      meta: { versionId: '1' },
    });
    expect(await stored('Task', kept.task)).toMatchObject({
      status: 'requested',
      intent: 'order',
      code: { coding: [{ code: 'fulfill' }] },
      focus: { reference: `ServiceRequest/${id}` },
      for: { reference: `Patient/${patient}` },
      requester: { reference: `Organization/${TRUST}` },
      owner: { reference: `Organization/${CHARITY}` },
    });
    const rows = await around.test.admin('SELECT type, owner, patient, context FROM referrals.resource WHERE context = $1 ORDER BY type', [id]);
    expect(rows).toEqual(['ServiceRequest', 'Task'].map((type) => ({ type, owner: TRUST, patient, context: id })));
    const [event] = await eventsOf(id);
    expect(event).toMatchObject({
      type: 'baton.referrals.referral-requested.v1',
      version: 1,
      data: { referrer: TRUST, service: SAFE_ZONES, recipients: [CHARITY, CLUB, 'manchester-youth-zone', '42nd-street'] },
    });
    expect(JSON.stringify(event)).not.toContain('Somebody to talk to');
  });

  it('may name the service by its DoS id, with http or https', async () => {
    const system = IDENTIFIERS.dosService.replace('https', 'http');
    const patient = await around.youngPerson(TRUST);
    const { body } = await partners.refer(TRUST, referralOf(patient, { performer: [{ identifier: { system, value: '9900000007' } }] }));
    expect(JSON.parse(body)).toMatchObject({ performer: [{ reference: `HealthcareService/${SAFE_ZONES}`, identifier: { value: '9900000007' } }] });
  });

  it('is refused with every reason at once, leaves nothing but a count per route and reason', async () => {
    const patient = await around.youngPerson(TRUST, { patient: { birthDate: '1990-01-01', address: [{ city: 'Leeds' }] } });
    const before = await around.test.admin('SELECT 1 FROM referrals.resource');
    const exclusion = { url: EXTENSIONS.exclusion, valueCodeableConcept: { coding: [coding(EXCLUSION, 'immediate-danger')] } };
    const refused = await refusal(partners.refer(TRUST, referralOf(patient, { status: 'draft', extension: [exclusion] })));
    expect(refused.kind).toBe('rule-broken');
    expect(rulesOf(refused)).toEqual([
      'status-not-active', 'age-outside-band', 'locality-not-served', 'excluded-immediate-danger', 'risk-missing', 'young-persons-words-missing', 'carer-informed-missing',
    ]);
    expect(await around.test.admin('SELECT 1 FROM referrals.resource')).toHaveLength(before.length);
    if (!(refused instanceof Ineligible)) throw new Error('not counted as ineligible');
    for (let i = 0; i < 2; i++) await around.referrals.transaction((tx) => recordIneligible(tx, refused));
    const counts = await around.test.admin(`SELECT route, count::int FROM referrals.refused_count WHERE service = $1 AND reason = 'age-outside-band'`, [SAFE_ZONES]);
    expect(counts).toEqual([{ route: 'rapid-response-team', count: 2 }]);
  });

  it('is refused by a route the pathway does not hold', async () => {
    const patient = await around.youngPerson('childrens-services');
    expect(rulesOf(await refusal(partners.refer('childrens-services', referralOf(patient))))).toEqual(['no-route']);
  });

  it('waits, and is told behind how many, where the chosen site is full', async () => {
    const north = { locationReference: [{ reference: `Location/${SAFE_ZONES}.north` }] };
    const refer = async () => {
      const patient = await around.youngPerson(TRUST, { patient: { address: [{ city: 'Prestwich' }] } });
      return row((await partners.refer(TRUST, referralOf(patient, north))).id);
    };
    for (let i = 0; i < 12; i++) {
      const { id, task } = await refer();
      expect(await stored('Task', task)).not.toHaveProperty('businessStatus');
      await around.test.admin(`UPDATE referrals.referral SET status = 'accepted' WHERE id = $1`, [id]);
    }
    await refer();
    const { id, task } = await refer();
    expect(await stored('Task', task)).toMatchObject({ status: 'requested', businessStatus: { coding: [{ code: 'waiting' }], text: 'Waits for room; ahead: 1' } });
    expect((await eventsOf(id))[0]).toMatchObject({ data: { businessStatus: 'waiting' } });
  });

  it("answers the same for another partner's Patient as for one that never was", async () => {
    const theirs = await around.youngPerson('liaison');
    await around.allow('any', theirs, 'liaison', TRUST);
    const answers = await Promise.all([theirs, newId()].map(async (patient) => refusal(partners.refer(TRUST, referralOf(patient)))));
    expect(answers[0]!.violations).toEqual(answers[1]!.violations);
    expect(rulesOf(answers[0]!)).toEqual(['reference-unknown']);
  });

  it('has one performer that a pathway in force knows', async () => {
    const patient = await around.youngPerson(TRUST);
    expect(rulesOf(await refusal(partners.refer(TRUST, referralOf(patient, { performer: [] }))))).toEqual(['performer-not-one-service']);
    expect(rulesOf(await refusal(partners.refer(TRUST, referralOf(patient, { performer: [{ reference: 'HealthcareService/none' }] }))))).toEqual(['service-unknown']);
    expect(rulesOf(await refusal(partners.refer(TRUST, referralOf(patient, { requester: { reference: 'Organization/liaison' } }))))).toEqual(['requester-not-you']);
  });

  it('is judged without being stored, when that is all that is asked', async () => {
    const who = caller(TRUST);
    const judged = (patient: object) => around.referrals.transaction((tx) => assess(tx, who, referralOf('urn'), { resourceType: 'Patient', ...patient }));
    expect((await judged({ birthDate: '2011-01-01', address: [{ city: 'Bury' }] })).verdict).toEqual({ eligible: true });
    const adult = await judged({ birthDate: '1959-05-04', address: [{ city: 'Bury' }] });
    expect(adult).toMatchObject({ verdict: { eligible: false, violations: [{ rule: 'age-outside-band' }] }, judgedBy: { service: SAFE_ZONES }, route: { from: 'rapid-response-team' } });
  });
});

describe('the same referral again', () => {
  it('is a duplicate while one is open, with a pointer to it; and is taken again after it closed', async () => {
    const { patient, id, task } = await referred();
    const refused = await refusal(partners.refer(TRUST, referralOf(patient)));
    expect(refused).toMatchObject({ kind: 'duplicate', see: `ServiceRequest/${id}` });
    await moved(task, CHARITY, { status: 'rejected', statusReason: reason('no-capacity') });
    await expect(partners.refer(TRUST, referralOf(patient))).resolves.toMatchObject({ outcome: 'created' });
  });

  it('is one for the same person under another Patient of the referrer; another referrer has its own', async () => {
    const person = newId();
    const [first, second] = [await around.youngPerson(TRUST, { person }), await around.youngPerson(TRUST, { person })];
    const theirs = await around.youngPerson('community-camhs', { person });
    await partners.refer(TRUST, referralOf(first));
    expect((await refusal(partners.refer(TRUST, referralOf(second)))).kind).toBe('duplicate');
    await expect(partners.refer('community-camhs', referralOf(theirs))).resolves.toMatchObject({ outcome: 'created' });
  });

  it('is made once when it is sent many times at once', async () => {
    const patient = await around.youngPerson(TRUST);
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => partners.refer(TRUST, referralOf(patient))));
    const made = all.flatMap((each) => (each.status === 'fulfilled' ? [each.value.id] : []));
    expect(made).toHaveLength(1);
    const others = all.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(others).toEqual(Array.from({ length: 5 }, () => expect.objectContaining({ kind: 'duplicate', see: `ServiceRequest/${made[0]}` })));
  });
});

describe('a Task', () => {
  it('is accepted by whoever acts for the service, which fixes the episode and shows it', async () => {
    const { id, task } = await referred();
    const accepted = await moved(task, CLUB, { status: 'accepted' });
    expect(accepted.output).toEqual([{ type: { coding: [coding({ system: 'https://baton.example/fhir/CodeSystem/task-output', title: '', codes: { episode: 'EpisodeOfCare that was opened' } }, 'episode')] }, valueReference: { reference: expect.stringMatching(/^EpisodeOfCare\//) } }]);
    const [, event] = await eventsOf(id);
    expect(event).toMatchObject({ type: 'baton.referrals.referral-accepted.v1', version: 2, data: { status: 'accepted', taskref: `Task/${task.id}/_history/2`, dataref: `ServiceRequest/${id}/_history/1` } });
    expect(`EpisodeOfCare/${String(event!.data['episode'])}`).toBe(accepted.output![0]!.valueReference!.reference);
    expect(await stored('ServiceRequest', id)).toMatchObject({ status: 'active', meta: { versionId: '1' } });
  });

  it('takes the ServiceRequest along, with the reason, in the same statement', async () => {
    const { id, task } = await referred();
    await moved(task, CHARITY, { status: 'rejected', statusReason: reason('needs-other-service') });
    expect(await stored('ServiceRequest', id)).toMatchObject({ status: 'revoked', meta: { versionId: '2' }, extension: expect.arrayContaining([{ url: REQUEST_STATUS_REASON, valueCodeableConcept: reason('needs-other-service') }]) });
    const history = await around.test.admin('SELECT type, version FROM referrals.history WHERE context = $1 AND version = 2 ORDER BY type', [id]);
    expect(history).toEqual([{ type: 'ServiceRequest', version: 2 }, { type: 'Task', version: 2 }]);
  });

  it('is refused a change that the table does not hold, with the present state and what is allowed', async () => {
    const { task } = await referred();
    const refused = await refusal(moved(task, CHARITY, { status: 'completed' }));
    expect(refused).toMatchObject({ kind: 'rule-broken', violations: [{ rule: 'transition-not-allowed', says: expect.stringContaining('requested and cannot become completed') }] });
    expect(rulesOf(await refusal(moved(task, TRUST, { status: 'accepted' })))).toEqual(['not-yours-to-set']);
    expect(rulesOf(await refusal(moved(task, CHARITY, { status: 'requested' })))).toEqual(['transition-not-allowed']);
    expect(await stored('Task', task.id)).toMatchObject({ status: 'requested', meta: { versionId: '1' } });
  });

  it('is refused when another version was seen', async () => {
    const { task } = await referred();
    await moved(task, CHARITY, { status: 'received' });
    expect((await refusal(partners.put(CHARITY, { ...task, status: 'accepted' }, 1))).kind).toBe('stale');
    await expect(partners.put(CHARITY, { ...task, status: 'accepted' }, 2)).resolves.toMatchObject({ version: 3 });
  });

  it('lets one of two win that change it at once', async () => {
    const { task } = await referred();
    const all = await Promise.allSettled([CHARITY, CLUB].map((partner) => partners.put(partner, { ...task, status: 'accepted' })));
    expect(all.map((each) => each.status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it.each<[string, object]>([
    ['focus', { focus: { reference: 'ServiceRequest/other' } }],
    ['for', { for: undefined, code: { text: 'x' } }],
    ['owner', { owner: { reference: 'Organization/liaison' } }],
    ['requester', { requester: { reference: 'Organization/liaison' } }],
    ['businessStatus', { businessStatus: { text: 'held' } }],
    ['basedOn', { basedOn: [{ reference: 'ServiceRequest/other' }] }],
  ])('has no second door: %s stands as it was made', async (element, change) => {
    const { task } = await referred();
    const refused = await refusal(moved(task, CHARITY, { status: 'received', ...change }));
    expect(refused.kind).toBe('rule-broken');
    expect(rulesOf(refused)).toContain(element === 'for' ? 'subject-never-changes' : 'element-not-yours');
    expect(await stored('Task', task.id)).toMatchObject({ status: 'requested' });
  });

  it('has no second door by PATCH, nor for what Baton set in its output', async () => {
    const { task } = await referred();
    expect(rulesOf(await refusal(partners.patch(CHARITY, task, [{ op: 'replace', path: '/owner/reference', value: 'Organization/liaison' }])))).toEqual(['transition-not-allowed', 'element-not-yours']);
    await partners.patch(CHARITY, task, [{ op: 'replace', path: '/status', value: 'accepted' }]);
    const refused = await refusal(moved(task, CHARITY, { status: 'on-hold', statusReason: reason('in-hospital'), extension: [{ url: EXTENSIONS.reviewDate, valueDate: '2099-01-01' }], output: [] }));
    expect(rulesOf(refused)).toEqual(['set-by-baton']);
  });

  it('is nobody\'s to change who only sees it, and unknown to who does not', async () => {
    const { id, patient, task } = await referred();
    expect((await refusal(moved(task, 'liaison', { status: 'accepted' }))).kind).toBe('unknown');
    await around.allow(id, patient, TRUST, 'liaison');
    expect((await refusal(moved(task, 'liaison', { status: 'accepted' }))).kind).toBe('forbidden');
  });

  it('starts with a contact that names the referral, and completes with outcome and plan', async () => {
    const { id, patient, task } = await referred();
    await moved(task, CHARITY, { status: 'accepted' });
    expect(rulesOf(await refusal(moved(task, CHARITY, { status: 'in-progress' })))).toEqual(['contact-missing']);
    await around.keep('episodes', { resourceType: 'Encounter', status: 'planned' }, { owner: CLUB, patient, category: 'contact', context: id });
    const before = (await moved(task, CHARITY, { status: 'in-progress' })).output!;
    expect(rulesOf(await refusal(moved(task, CHARITY, { status: 'completed' })))).toEqual(['outcome-missing', 'aftercare-plan-missing']);
    await around.keep('episodes', { resourceType: 'CarePlan', status: 'active', category: [{ coding: [coding(CARE_PLAN_KIND, 'aftercare-plan')] }] }, { owner: CHARITY, patient, category: 'plan', context: id });
    await moved(task, CHARITY, { status: 'completed', output: [...before, outcome('goals-met')] });
    expect(await stored('ServiceRequest', id)).toMatchObject({ status: 'completed' });
  });

  it('keeps a reason with the status it was given for', async () => {
    const { id, patient, task } = await referred();
    await around.keep('episodes', { resourceType: 'Encounter', status: 'finished' }, { owner: CHARITY, patient, category: 'contact', context: id });
    await moved(task, CHARITY, { status: 'accepted' });
    const held = await moved(task, CHARITY, { status: 'on-hold', statusReason: reason('in-hospital'), extension: [{ url: EXTENSIONS.reviewDate, valueDate: '2099-01-01' }] });
    expect(await stored('ServiceRequest', id)).toMatchObject({ status: 'on-hold' });
    const resumed = await moved(held, CHARITY, { status: 'in-progress' });
    expect(resumed).not.toHaveProperty('statusReason');
    expect(resumed).not.toHaveProperty('extension');
    expect(await stored('ServiceRequest', id)).toMatchObject({ status: 'active' });
  });
});

describe('a ServiceRequest', () => {
  it('is amended by its referrer while it is open, and keeps what it must contain', async () => {
    const { id, task } = await referred({ priority: 'routine' });
    const sent = await stored('ServiceRequest', id);
    await partners.put(TRUST, { ...sent, priority: 'stat' });
    expect(await row(id)).toMatchObject({ priority: 'stat', version: 2, undecided_in: 5 });
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: 'baton.referrals.referral-amended.v1', data: { priority: 'stat', dataref: `ServiceRequest/${id}/_history/2` } });
    expect(rulesOf(await refusal(partners.put(TRUST, { ...sent, extension: [], performer: [{ reference: 'HealthcareService/gm-crisis-care.liaison' }] })))).toEqual([
      'element-stands', 'risk-missing', 'young-persons-words-missing', 'carer-informed-missing',
    ]);
    expect((await refusal(partners.put(CHARITY, { ...sent, priority: 'routine' }))).kind).toBe('forbidden');
    await moved(task, TRUST, { status: 'cancelled', statusReason: reason('no-longer-needed') });
    expect(rulesOf(await refusal(partners.put(TRUST, { ...(await stored('ServiceRequest', id)), priority: 'routine' })))).toEqual(['referral-closed']);
  });

  it('is taken back by status revoked, by the same table: with a reason, and the Task says so', async () => {
    const { id, task } = await referred();
    const sent = await stored('ServiceRequest', id);
    expect(await refusal(partners.put(TRUST, { ...sent, status: 'revoked' }))).toMatchObject({ violations: [{ rule: 'reason-missing', at: ['ServiceRequest.extension(request-statusReason)'] }] });
    const why = { url: REQUEST_STATUS_REASON, valueCodeableConcept: reason('young-person-declined') };
    const extension = [...(sent['extension'] as object[]), why];
    expect(rulesOf(await refusal(partners.put(TRUST, { ...sent, status: 'revoked', extension, priority: 'stat' })))).toEqual(['element-stands']);
    await partners.put(TRUST, { ...sent, status: 'revoked', extension });
    expect(await stored('Task', task.id)).toMatchObject({ status: 'cancelled', statusReason: reason('young-person-declined') });
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: 'baton.referrals.referral-cancelled.v1', version: 2, data: { reason: 'young-person-declined', taskref: `Task/${task.id}/_history/2`, dataref: `ServiceRequest/${id}/_history/2` } });
  });

  it('has no other status of its own', async () => {
    const { id } = await referred();
    for (const status of ['completed', 'on-hold', 'draft', 'unknown']) {
      expect(await refusal(partners.put(TRUST, { ...(await stored('ServiceRequest', id)), status }))).toMatchObject({ violations: [{ rule: 'transition-not-allowed', at: ['ServiceRequest.status'] }] });
    }
  });
});

describe('a write that waits while access is withdrawn', () => {
  it.each([
    ["the referral's lock", 'SELECT FROM referrals.referral WHERE id = $1 FOR UPDATE'],
    ["the Task's own lock", `SELECT FROM referrals.resource WHERE type = 'Task' AND context = $1 FOR UPDATE`],
  ])('fails like what never was: %s', async (_lock, sql) => {
    const { id, task } = await referred();
    const pool = new Pool({ connectionString: around.test.adminDsn, max: 1 });
    const holder = await pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(sql, [id]);
      const waiting = refusal(partners.put(CHARITY, { ...task, status: 'accepted' }));
      await eventually(async () => {
        const [held] = await around.test.admin<{ count: number }>(`SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'baton_referrals' AND datname = current_database()`);
        return held!.count > 0;
      });
      await around.withdraw(id);
      await holder.query('COMMIT');
      expect((await waiting).kind).toBe('unknown');
    } finally {
      holder.release();
      await pool.end();
    }
    expect(await stored('Task', task.id)).toMatchObject({ status: 'requested', meta: { versionId: '1' } });
    expect(await eventsOf(id)).toHaveLength(1);
  });
});
