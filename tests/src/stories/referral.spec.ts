import { SEE_INSTEAD } from '@baton/fhir';
import { Client } from 'fhir-kit-client';
import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem, type Receiver } from '../partner-system.js';
import { about, notification } from './notification.js';
import { because, bundleOf, carePlan, contact, flag, observation, outcomeIs, referralOf, type Sent } from './records.js';
import { created, expected, refer, referAtOnce, rulesOf, sees, setStatus, taskOf, type Referred } from './referring.js';

let baton: BatonUnderTest;
let trust: PartnerSystem;
let charity: PartnerSystem;
const told: Record<'trust' | 'charity' | 'charityInFull', Receiver> = {} as never;

beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  charity = new PartnerSystem(baton, 'safe-zones');
  told.trust = (await trust.subscribe('referral')).receiver;
  told.charity = (await charity.subscribe('referral')).receiver;
  told.charityInFull = (await charity.subscribe('referral', 'full-resource')).receiver;
});
afterAll(async () => {
  await Promise.all(Object.values(told).map((receiver) => receiver.close()));
  await baton.stop();
});

describe('a referral sent by single requests', () => {
  let referred: Referred;

  it('is answered with its address, version and time, and has a Task for the receiver', async () => {
    const { patient, flag: alert, request } = referralOf();
    const patientId = await created(trust, patient);
    const flagId = await created(trust, alert(patientId));
    const answer = expected(201, await trust.post('ServiceRequest', request(patientId, flagId)));
    const { id } = answer.body;
    expect(answer.headers.get('location')).toBe(`${baton.fhirBase}/ServiceRequest/${id}/_history/1`);
    expect(answer.headers.get('etag')).toBe('W/"1"');
    expect(Math.abs(Date.now() - Date.parse(answer.headers.get('last-modified')!))).toBeLessThan(30_000);
    const task = await taskOf(trust, id);
    expect((await trust.get(`Task/${task}`)).body).toMatchObject({ status: 'requested', focus: { reference: `ServiceRequest/${id}` }, for: { reference: `Patient/${patientId}` } });
    referred = { patient: patientId, flag: flagId, referral: id, task };
  });

  it('is told to the charity at once, by id and in full as it asked, signed', async () => {
    const [byId] = await told.charity.waitFor(1, about(`ServiceRequest/${referred.referral}`));
    expect(byId!.signature).toBe('valid');
    expect(notification(byId!)).toMatchObject({ type: 'event-notification', number: 1, context: [`Task/${referred.task}`] });
    expect(notification(byId!).resources.size).toBe(0);
    const [inFull] = await told.charityInFull.waitFor(1, about(`ServiceRequest/${referred.referral}`));
    expect(inFull!.signature).toBe('valid');
    const { resources } = notification(inFull!);
    expect(resources.get(`ServiceRequest/${referred.referral}`)).toEqual((await charity.get(`ServiceRequest/${referred.referral}`)).body);
    expect(resources.get(`Task/${referred.task}`)).toMatchObject({ status: 'requested' });
  });

  it('shows the charity the referral, the young person and the alert it names, and nothing else of the record', async () => {
    const { patient, flag: alert, referral, task } = referred;
    const second = await created(trust, { ...referralOf().patient, identifier: undefined });
    const others = [
      `Flag/${await created(trust, flag(patient))}`,
      `Observation/${await created(trust, observation(patient))}`,
      `Encounter/${await created(trust, contact(patient))}`,
      `CarePlan/${await created(trust, carePlan(patient, undefined, 'crisis-plan'))}`,
      `Patient/${second}`,
      `Flag/${await created(trust, flag(second))}`,
    ];
    for (const reference of [`ServiceRequest/${referral}`, `Task/${task}`, `Patient/${patient}`, `Flag/${alert}`]) expect((await charity.get(reference)).status).toBe(200);
    for (const reference of others) expect((await charity.get(reference)).status).toBe(404);
    for (const [type, ids] of [['Flag', [alert]], ['Observation', []], ['Encounter', []], ['CarePlan', []]] as const) {
      const found = await charity.get(`${type}?patient=Patient/${patient}&_total=accurate`);
      expect(found.body.entry?.map((entry: { resource: { id: string } }) => entry.resource.id) ?? []).toEqual(ids);
      expect(found.body.total).toBe(ids.length);
    }
    expect((await charity.get(`Patient?_id=${patient},${second}&_summary=count`)).body.total).toBe(1);
  });

  it('is accepted by the charity, and the trust is told', async () => {
    expected(200, await setStatus(charity, referred.task, 'accepted'));
    await told.trust.waitFor(2, about(`ServiceRequest/${referred.referral}`));
    expect((await trust.get(`Task/${referred.task}`)).body.status).toBe('accepted');
  });

  it('has its episode open for a contact made right after the acceptance', async () => {
    const { patient, referral, task } = await refer(trust);
    await sees(charity, `Task/${task}`);
    const accepted = expected(200, await setStatus(charity, task, 'accepted'));
    const made = expected(201, await charity.post('Encounter', contact(patient, referral)));
    const episode = accepted.body.output[0].valueReference.reference as string;
    expect(made.body.episodeOfCare).toEqual([{ reference: episode }]);
    expect((await charity.get(episode)).body).toMatchObject({ status: 'active', referralRequest: [{ reference: `ServiceRequest/${referral}` }] });
    expect((await sees(trust, episode)).body.patient.reference).toBe(`Patient/${patient}`);
  });

  it('begins with a contact and ends with an outcome and an aftercare plan, each demanded and then told', async () => {
    const { patient, referral, task } = referred;
    const early = await setStatus(charity, task, 'in-progress');
    expect([early.status, rulesOf(early)]).toEqual([422, ['contact-missing']]);
    await created(charity, contact(patient, referral));
    expected(200, await setStatus(charity, task, 'in-progress'));
    const bare = await setStatus(charity, task, 'completed');
    expect([bare.status, rulesOf(bare)]).toEqual([422, ['outcome-missing', 'aftercare-plan-missing']]);
    const plan = await created(charity, carePlan(patient, referral));
    const { output } = (await charity.get(`Task/${task}`)).body;
    expected(200, await setStatus(charity, task, 'completed', { output: [...output, outcomeIs('goals-met')] }));
    expect((await trust.get(`ServiceRequest/${referral}`)).body.status).toBe('completed');
    await sees(trust, `CarePlan/${plan}`);
    const heard = await told.trust.waitFor(4, about(`ServiceRequest/${referral}`));
    expect(heard.map((each) => notification(each).number)).toEqual([...heard.map((each) => notification(each).number)].sort((a, b) => a - b));
  });
});

describe('a change that the table does not hold', () => {
  let referred: Referred;
  beforeAll(async () => {
    referred = await referAtOnce(trust);
    await sees(charity, `Task/${referred.task}`);
  });

  it('is refused with the present state and what it allows, and stores nothing', async () => {
    for (const [who, status] of [[charity, 'completed'], [charity, 'in-progress'], [charity, 'on-hold'], [charity, 'draft']] as const) {
      const answer = await setStatus(who, referred.task, status);
      expect([answer.status, rulesOf(answer)]).toEqual([422, ['transition-not-allowed']]);
      expect(answer.body.issue[0].details.text).toMatch(/^The referral is requested and cannot become \S+\. From requested, the receiver may set received, accepted, rejected; the referrer may set cancelled, entered-in-error\.$/);
    }
    expect((await trust.get(`Task/${referred.task}/_history`)).body.entry).toHaveLength(1);
  });

  it('is not let in by the wrong party', async () => {
    const byTrust = await setStatus(trust, referred.task, 'accepted');
    expect([byTrust.status, rulesOf(byTrust)]).toEqual([422, ['not-yours-to-set']]);
    const byCharity = await setStatus(charity, referred.task, 'cancelled', { statusReason: because('no-longer-needed') });
    expect([byCharity.status, rulesOf(byCharity)]).toEqual([422, ['not-yours-to-set']]);
  });

  it('finds no second door by PUT or PATCH', async () => {
    const { referral, task } = referred;
    const request = (await trust.get(`ServiceRequest/${referral}`)).body;
    for (const status of ['completed', 'on-hold', 'draft']) {
      expect(rulesOf(await trust.put(`ServiceRequest/${referral}`, { ...request, status }))).toEqual(['transition-not-allowed']);
      expect(rulesOf(await trust.patch(`ServiceRequest/${referral}`, [{ op: 'replace', path: '/status', value: status }]))).toEqual(['transition-not-allowed']);
    }
    expect((await charity.put(`ServiceRequest/${referral}`, { ...request, status: 'revoked' })).status).toBe(403);
    expect(rulesOf(await charity.patch(`Task/${task}`, [{ op: 'replace', path: '/status', value: 'completed' }]))).toEqual(['transition-not-allowed']);
    const elsewhere = await charity.patch(`Task/${task}`, [{ op: 'replace', path: '/status', value: 'accepted' }, { op: 'replace', path: '/for/reference', value: 'Patient/another' }]);
    expect([elsewhere.status, rulesOf(elsewhere)]).toEqual([422, ['subject-never-changes']]);
    const owned = await charity.patch(`Task/${task}`, [{ op: 'replace', path: '/status', value: 'accepted' }, { op: 'replace', path: '/owner/reference', value: 'Organization/another' }]);
    expect([owned.status, rulesOf(owned)]).toEqual([422, ['element-not-yours']]);
    for (const type of ['ServiceRequest', 'Task', 'EpisodeOfCare', 'Consent']) expect((await trust.delete(`${type}/${referral}`)).status).toBe(405);
    expect((await trust.get(`Task/${task}/_history`)).body.entry).toHaveLength(1);
  });

  it('made with a stale version is 412, and of two at once one is 412', async () => {
    const { body } = await charity.get(`Task/${referred.task}`);
    const answers = await Promise.all(['received', 'received'].map((status) => charity.put(`Task/${referred.task}`, { ...body, status }, { 'if-match': 'W/"1"' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    const stale = await charity.put(`Task/${referred.task}`, { ...body, status: 'accepted' }, { 'if-match': 'W/"1"' });
    expect([stale.status, rulesOf(stale)]).toEqual([412, ['version-not-current']]);
  });

  it('does not hinder the referrer from taking the referral back, once, with a reason', async () => {
    const { referral, task } = referred;
    expect(rulesOf(await setStatus(trust, task, 'cancelled'))).toEqual(['reason-missing']);
    expected(200, await setStatus(trust, task, 'cancelled', { statusReason: because('no-longer-needed') }));
    expect((await charity.get(`ServiceRequest/${referral}`)).body.status).toBe('revoked');
    expect(rulesOf(await setStatus(charity, task, 'accepted'))).toEqual(['transition-not-allowed']);
    await told.charity.waitFor(3, about(`ServiceRequest/${referral}`));
  });
});

describe('the same request twice', () => {
  it('is a duplicate while the first referral is open: 409 with a pointer to it', async () => {
    const sent = referralOf();
    const { patient, flag: alert, referral } = await refer(trust, sent);
    const again = await trust.post('ServiceRequest', sent.request(patient, alert));
    expect([again.status, rulesOf(again), again.body.issue[0].code]).toEqual([409, ['referral-open-already'], 'duplicate']);
    expect(again.body.issue[0].extension).toEqual([{ url: SEE_INSTEAD, valueReference: { reference: `ServiceRequest/${referral}` } }]);
  });

  it('with the same Idempotency-Key gets the first answer again, and another request under the key is refused', async () => {
    const sent = referralOf();
    const patient = await created(trust, sent.patient);
    const alert = await created(trust, sent.flag(patient));
    const once = { 'idempotency-key': 'one-referral' };
    const first = expected(201, await trust.post('ServiceRequest', sent.request(patient, alert), once));
    const again = await trust.post('ServiceRequest', sent.request(patient, alert), once);
    expect([again.status, again.headers.get('location'), again.headers.get('etag'), again.body.id]).toEqual([201, first.headers.get('location'), 'W/"1"', first.body.id]);
    expect(rulesOf(await trust.post('ServiceRequest', { ...sent.request(patient, alert), priority: 'stat' }, once))).toEqual(['idempotency-key-reused']);
    expect((await trust.get(`ServiceRequest?patient=Patient/${patient}&_summary=count`)).body.total).toBe(1);
  });

  it('as a transaction with the same Idempotency-Key is carried out once, also at the same moment', async () => {
    const bundle = bundleOf();
    const [first, again] = await Promise.all([1, 2].map(() => trust.post('', bundle, { 'idempotency-key': 'one-bundle' })));
    const locations = ({ body }: typeof again & object) => body.entry.map((entry: { response: { location: string; status: string } }) => [entry.response.status, entry.response.location]);
    expect(locations(first!)).toEqual(locations(again!));
  });

  it('under the same condition makes one of two: the loser gets the winner’s', async () => {
    const { patient } = referralOf();
    const { system, value } = (patient['identifier'] as { system: string; value: string }[])[0]!;
    const answers = await Promise.all([1, 2, 3].map(() => trust.post('Patient', patient, { 'if-none-exist': `identifier=${system}|${value}` })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });
});

describe('a partner that uses fhir-kit-client', () => {
  it('refers, finds, reads versions and takes back without anything special', async () => {
    const client = new Client({ baseUrl: baton.fhirBase, bearerToken: await trust.accessToken() });
    expect(await client.capabilityStatement()).toMatchObject({ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1' });
    const { patient, flag: alert, request } = referralOf();
    const make = async (body: Sent) => (await client.create({ resourceType: body.resourceType, body }))['id'] as string;
    const patientId = await make(patient);
    const referral = await make(request(patientId, await make(alert(patientId))));
    const found = await client.search({ resourceType: 'Task', searchParams: { focus: `ServiceRequest/${referral}`, _include: 'Task:focus' } });
    const [task, focus] = (found['entry'] as { resource: Sent & { id: string } }[]).map(({ resource }) => resource);
    expect([task!.resourceType, focus!.resourceType]).toEqual(['Task', 'ServiceRequest']);
    const jsonPatch = [{ op: 'add' as const, path: '/statusReason', value: because('moved-away') }, { op: 'replace' as const, path: '/status', value: 'cancelled' }];
    expect(await client.patch({ resourceType: 'Task', id: task!.id, jsonPatch })).toMatchObject({ status: 'cancelled', meta: { versionId: '2' } });
    expect(await client.vread({ resourceType: 'Task', id: task!.id, version: '1' })).toMatchObject({ status: 'requested' });
    expect(await client.history({ resourceType: 'ServiceRequest', id: referral })).toMatchObject({ type: 'history', entry: [{ resource: { status: 'revoked' } }, { resource: { status: 'active' } }] });
    await expect(client.read({ resourceType: 'Patient', id: 'never-was' })).rejects.toMatchObject({ response: { status: 404, data: { resourceType: 'OperationOutcome' } } });
  });
});
