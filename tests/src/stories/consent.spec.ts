import { eventually } from '@baton/testing';
import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem, type Answer, type Receiver } from '../partner-system.js';
import { about, heard, notification } from './notification.js';
import { consent, contact, flag, referralOf } from './records.js';
import { created, expected, refer, referAtOnce, rulesOf, sees, seesNot, setStatus, taskOf, type Referred } from './referring.js';

let baton: BatonUnderTest;
let trust: PartnerSystem;
let charity: PartnerSystem;
let told: Receiver;
let toldCharity: Receiver;

beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  charity = new PartnerSystem(baton, 'safe-zones');
  told = (await trust.subscribe('referral', 'full-resource')).receiver;
  toldCharity = (await charity.subscribe('referral', 'full-resource')).receiver;
});
afterAll(async () => {
  await Promise.all([told.close(), toldCharity.close()]);
  await baton.stop();
});

const ids = ({ body }: Answer): string[] => (body.entry ?? []).map((entry: { resource: { resourceType: string; id: string } }) => `${entry.resource.resourceType}/${entry.resource.id}`);

describe('a referral of a young person who refuses sharing', () => {
  let referred: Referred;
  beforeAll(async () => {
    const { patient, flag: alert, request } = referralOf();
    const patientId = await created(trust, patient);
    await created(trust, consent(patientId, { effect: 'deny' }));
    const flagId = await created(trust, alert(patientId));
    const referral = await created(trust, request(patientId, flagId));
    referred = { patient: patientId, flag: flagId, referral, task: await taskOf(trust, referral) };
  });

  it('is stored and held, and the referrer is told that there is no basis to share it, and no more', async () => {
    const { referral, task } = referred;
    const held = await heard(told, ({ focus, resources }) => focus === `ServiceRequest/${referral}` && resources.get(`Task/${task}`)?.['businessStatus'] !== undefined);
    expect(held.resources.get(`Task/${task}`)).toMatchObject({ status: 'requested', businessStatus: { coding: [{ code: 'held-for-consent' }] } });
    expect(held.resources.get(`Task/${task}`)).not.toHaveProperty('statusReason');
  });

  it('is nothing to its receiver: not read, not found, not told', async () => {
    const { patient, flag: alert, referral, task } = referred;
    for (const reference of [`ServiceRequest/${referral}`, `Task/${task}`, `Patient/${patient}`, `Flag/${alert}`]) expect((await charity.get(reference)).status).toBe(404);
    expect((await charity.get(`Task?_id=${task}&_summary=count`)).body.total).toBe(0);
    expect(toldCharity.received.filter(about(`ServiceRequest/${referral}`))).toEqual([]);
  });

  it('is released by a later permission, and then goes its way', async () => {
    const { patient, referral, task } = referred;
    await created(trust, consent(patient, { effect: 'permit', recipients: ['safe-zones'] }));
    await sees(charity, `Patient/${patient}`);
    await toldCharity.waitFor(1, about(`ServiceRequest/${referral}`));
    await eventually(async () => (await trust.get(`Task/${task}`)).body.businessStatus === undefined);
    expected(200, await setStatus(charity, task, 'accepted'));
  });
});

describe('a withdrawal', () => {
  let referred: Referred;
  let page: string;
  let encounter: string;
  const alerts: string[] = [];
  const chained = () => `Encounter?_id=${encounter}&subject:Patient.gender=female,male,other`;

  beforeAll(async () => {
    referred = await refer(trust);
    const { patient, referral, task } = referred;
    for (const text of ['One.', 'Two.', 'Three.']) alerts.push(`Flag/${await created(trust, flag(patient, text))}`);
    await created(trust, consent(patient, { effect: 'permit', recipients: ['safe-zones'] }));
    await sees(charity, `Task/${task}`);
    expected(200, await setStatus(charity, task, 'accepted'));
    encounter = await created(charity, contact(patient, referral));
    await toldCharity.waitFor(2, about(`ServiceRequest/${referral}`));
    const first = expected(200, await charity.get(`Flag?patient=Patient/${patient}&_count=2`));
    page = first.body.link.find(({ relation }: { relation: string }) => relation === 'next').url.slice(baton.fhirBase.length + 1);
    expect(ids(expected(200, await charity.get(page)))).toHaveLength(2);
    expect(ids(await charity.get(`Encounter?_id=${encounter}&_include=Encounter:patient`))).toEqual([`Encounter/${encounter}`, `Patient/${patient}`]);
    expect(ids(await charity.get(chained()))).toEqual([`Encounter/${encounter}`]);
    expected(201, await trust.post('Consent', consent(patient, { effect: 'deny' })));
  });

  it('bites at its commit: no read, version, history, search, count, page or inclusion shows anything any more', async () => {
    const { patient, referral, task } = referred;
    const hidden = [`ServiceRequest/${referral}`, `Task/${task}`, `Patient/${patient}`, ...alerts];
    for (const reference of hidden.flatMap((each) => [each, `${each}/_history`, `${each}/_history/1`])) expect((await charity.get(reference)).status).toBe(404);
    for (const reference of hidden) {
      const [type, id] = reference.split('/');
      expect(ids(await charity.get(`${type}?_id=${id}`))).toEqual([]);
      expect((await charity.get(`${type}?_id=${id}&_summary=count`)).body.total).toBe(0);
    }
    expect(ids(await charity.get(page))).toEqual([]);
    expect(ids(await charity.get(`Encounter?_id=${encounter}&_include=Encounter:patient`))).toEqual([`Encounter/${encounter}`]);
    expect(ids(await charity.get(chained()))).toEqual([]);
  });

  it('lets nothing be written to what it shut', async () => {
    const { patient, referral, task } = referred;
    const body = { ...(await trust.get(`Task/${task}`)).body, status: 'in-progress' };
    expect((await charity.put(`Task/${task}`, body)).status).toBe(404);
    expect(rulesOf(await charity.post('Encounter', contact(patient, referral)))).toEqual(rulesOf(await charity.post('Encounter', contact('never-was', 'never-was'))));
  });

  it('is told to those who lost access, by id and without content', async () => {
    const { referral } = referred;
    const lost = await heard(toldCharity, ({ focus, entries }) => focus === `ServiceRequest/${referral}` && entries.get(focus) === '410');
    expect(lost.resources.size).toBe(0);
    expect(lost.context).toEqual([]);
  });

  it('cancels the open referral with its reason, and the referrer is told', async () => {
    const { referral, task } = referred;
    const cancelled = await heard(told, ({ resources }) => resources.get(`Task/${task}`)?.['status'] === 'cancelled');
    expect(cancelled.resources.get(`Task/${task}`)).toMatchObject({ statusReason: { coding: [{ code: 'consent-withdrawn' }] } });
    expect(cancelled.resources.get(`ServiceRequest/${referral}`)).toMatchObject({ status: 'revoked' });
  });

  it('leaves the receiver what it wrote itself, and its own episode to close', async () => {
    const own = expected(200, await charity.get(`Encounter/${encounter}`)).body;
    expected(200, await charity.put(`Encounter/${encounter}`, { ...own, reasonCode: [{ text: 'Said goodbye.' }] }));
    const episode = own.episodeOfCare[0].reference as string;
    const { body } = expected(200, await charity.get(episode));
    expect(body.status).toBe('active');
    expected(200, await charity.put(episode, { ...body, status: 'finished' }));
  });
});

describe('a delivery that waits while sharing is withdrawn', () => {
  it('goes out as its number and nothing else, and the loss is told after it', async () => {
    const { receiver, subscription } = await charity.subscribe('referral', 'full-resource');
    receiver.answerAlways({ status: 503 });
    const { patient, referral } = await referAtOnce(trust);
    await receiver.waitFor(1, about(`ServiceRequest/${referral}`));
    const waiting = await eventually(async () => {
      const { deliveries } = (await charity.get(`/api/notifications/v1/deliveries?subscription=${subscription}&state=waiting`)).body;
      return deliveries.length === 1 && deliveries[0];
    });
    expect(waiting.focus).toBe(`ServiceRequest/${referral}`);
    await created(trust, consent(patient, { effect: 'deny' }));
    expect((await charity.get(`/api/notifications/v1/deliveries/${waiting.id}`)).body).not.toHaveProperty('focus');

    receiver.answerAlways({ status: 200 });
    expected(202, await charity.post(`/api/notifications/v1/deliveries/${waiting.id}/resend`, undefined));
    const [again] = await receiver.waitFor(1, (webhook) => webhook.headers['webhook-id'] === `msg_${waiting.id}` && notification(webhook).focus === undefined);
    expect(notification(again!)).toMatchObject({ number: waiting.number, context: [] });
    expect(again!.body).not.toContain(referral);
    expect(again!.body).not.toContain(patient);
    const [lost] = await receiver.waitFor(1, (webhook) => notification(webhook).entries.get(`ServiceRequest/${referral}`) === '410');
    expect(notification(lost!).number).toBeGreaterThan(waiting.number);
    await receiver.close();
  });
});

describe('a partner that would see more', () => {
  let referred: Referred;
  beforeAll(async () => {
    referred = await referAtOnce(trust);
    await sees(charity, `Patient/${referred.patient}`);
  });

  it('cannot grant itself access', async () => {
    const hidden = `Flag/${await created(trust, flag(referred.patient))}`;
    for (const recipients of [['safe-zones'], ['safe-zones', 'community-camhs']]) {
      const answer = await charity.post('Consent', consent(referred.patient, { effect: 'permit', recipients }));
      expect([answer.status, rulesOf(answer)]).toEqual([422, ['grants-itself']]);
    }
    expect((await charity.get(hidden)).status).toBe(404);
  });

  it('cannot pass on what it was shown', async () => {
    const camhs = new PartnerSystem(baton, 'community-camhs');
    await created(charity, consent(referred.patient, { effect: 'permit', recipients: ['community-camhs'] }));
    const own = await created(charity, flag(referred.patient));
    await sees(camhs, `Flag/${own}`);
    for (const reference of [`Patient/${referred.patient}`, `ServiceRequest/${referred.referral}`, `Flag/${referred.flag}`]) expect((await camhs.get(reference)).status).toBe(404);
  });

  it('can refuse for the young person, and then sees nothing itself', async () => {
    await created(charity, consent(referred.patient, { effect: 'deny' }));
    await seesNot(charity, `Patient/${referred.patient}`);
    expect((await trust.get(`Patient/${referred.patient}`)).status).toBe(200);
  });
});

describe('a referral that nobody receives in time', () => {
  /** Puts the end of the allowance into the past: the pathway counts in minutes, and no test waits for them. */
  const timePasses = (referral: string) =>
    eventually(async () => (await baton.database.admin(`UPDATE referrals.referral SET acknowledge_by = acknowledge_by - interval '1 day' WHERE id = $1 AND acknowledge_by IS NOT NULL RETURNING id`, [referral])).length === 1);
  const alarms = (referral: string) => told.received.map(notification).filter(({ focus, context }) => focus === `ServiceRequest/${referral}` && context.some((reference) => reference.startsWith('HealthcareService/')));

  it('is told to the referrer once, with the service to ring, also after a restart', async () => {
    const first = await referAtOnce(trust);
    await timePasses(first.referral);
    await eventually(() => alarms(first.referral).length === 1);
    const alarm = alarms(first.referral)[0]!;
    const service = alarm.context.find((reference) => reference.startsWith('HealthcareService/'))!;
    expect(alarm.resources.get(service)).toMatchObject({ name: 'Safe Zones', telecom: expect.arrayContaining([expect.objectContaining({ system: 'phone', value: '01632960107' })]) });

    await baton.restart();
    const second = await referAtOnce(trust);
    await timePasses(second.referral);
    await eventually(() => alarms(second.referral).length === 1);
    expect(alarms(first.referral)).toHaveLength(1);
  });

  it('can still be accepted by the version that the receiver read before the alarm', async () => {
    const { referral, task } = await referAtOnce(trust);
    const { body } = await sees(charity, `Task/${task}`);
    await timePasses(referral);
    await eventually(() => alarms(referral).length === 1);
    expected(200, await charity.put(`Task/${task}`, { ...body, status: 'accepted' }, { 'if-match': 'W/"1"' }));
  });
});
