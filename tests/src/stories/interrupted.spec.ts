import { openParked } from '@baton/standalone';
import { eventually } from '@baton/testing';
import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem, type Receiver } from '../partner-system.js';
import { about, heard, notification } from './notification.js';
import { carePlan, consent, contact, outcomeIs } from './records.js';
import { created, expected, referAtOnce, sees, setStatus, type Referred } from './referring.js';

let baton: BatonUnderTest;
let trust: PartnerSystem;
let charity: PartnerSystem;
let told: Receiver;
let toldCharity: Receiver;

beforeAll(async () => {
  baton = await startBaton({ asleep: ['consent'] });
  trust = new PartnerSystem(baton, 'rapid-response');
  charity = new PartnerSystem(baton, 'safe-zones');
  told = (await trust.subscribe('referral', 'full-resource')).receiver;
  toldCharity = (await charity.subscribe('referral')).receiver;
});
afterAll(async () => {
  await Promise.all([told.close(), toldCharity.close()]);
  await baton.stop();
});

/** Referrals nobody picked up, as an operator sees it. */
async function unacknowledged(): Promise<number> {
  const metrics = await baton.metrics();
  return Number(/^baton_unacknowledged_referrals\{service="gm-crisis-care\.safe-zones"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

describe('a referral that consent does not decide in time', () => {
  let referred: Referred;
  const alarms = () => told.received.map(notification).filter(({ focus, context }) => focus === `ServiceRequest/${referred.referral}` && context.includes('HealthcareService/gm-crisis-care.safe-zones'));

  it('is accepted and stored, and shown to nobody but its referrer', async () => {
    referred = await referAtOnce(trust);
    const { patient, flag, referral, task } = referred;
    await told.waitFor(1, about(`ServiceRequest/${referral}`));
    for (const reference of [`ServiceRequest/${referral}`, `Task/${task}`, `Patient/${patient}`, `Flag/${flag}`]) expect((await charity.get(reference)).status).toBe(404);
    expect(toldCharity.received.filter(about(`ServiceRequest/${referral}`))).toEqual([]);
  });

  it('is told to the referrer with the service to ring, and to whoever watches Baton', async () => {
    const { referral, task } = referred;
    // The pathway counts in minutes, and no test waits for them.
    await baton.database.admin(`UPDATE referrals.referral SET undecided_by = undecided_by - interval '1 day' WHERE id = $1`, [referral]);
    await eventually(() => alarms().length === 1);
    const [alarm] = alarms();
    expect(alarm!.resources.get('HealthcareService/gm-crisis-care.safe-zones')).toMatchObject({ telecom: [{ system: 'phone', value: '01632960107', use: 'work' }] });
    expect(alarm!.resources.get(`Task/${task}`)).toMatchObject({ status: 'requested', meta: { versionId: '1' } });
    expect(await unacknowledged()).toBe(1);
    expect((await charity.get(`ServiceRequest/${referral}`)).status).toBe(404);
  });

  it('goes its way as soon as consent is back, and is not told of a second time', async () => {
    const { referral, task } = referred;
    await baton.restart();
    await sees(charity, `Task/${task}`);
    await toldCharity.waitFor(1, about(`ServiceRequest/${referral}`));
    expected(200, await setStatus(charity, task, 'accepted'));
    await heard(told, ({ resources }) => resources.get(`Task/${task}`)?.['status'] === 'accepted');
    expect(alarms()).toHaveLength(1);
    expect(await unacknowledged()).toBe(0);
  });
});

describe('a restart in the middle of the path', () => {
  it('is not noticed by partners: versions, tokens, Idempotency-Keys and the order of what they are told stand', async () => {
    const { patient, referral, task } = await referAtOnce(trust);
    const { body } = await sees(charity, `Task/${task}`);
    await baton.restart();
    expected(200, await charity.put(`Task/${task}`, { ...body, status: 'accepted' }, { 'if-match': 'W/"1"' }));
    const once = { 'idempotency-key': `contact-${referral}` };
    const met = expected(201, await charity.post('Encounter', contact(patient, referral), once));
    await baton.restart();
    expect(expected(201, await charity.post('Encounter', contact(patient, referral), once)).body.id).toBe(met.body.id);
    expect((await charity.get(`Encounter?based-on=ServiceRequest/${referral}&_summary=count`)).body.total).toBe(1);
    expected(200, await setStatus(charity, task, 'in-progress'));
    await created(charity, carePlan(patient, referral));
    const { output } = (await charity.get(`Task/${task}`)).body;
    await baton.restart();
    expected(200, await setStatus(charity, task, 'completed', { output: [...output, outcomeIs('goals-met')] }));

    const states = () => told.received.map(notification).flatMap(({ focus, resources }) => (focus === `ServiceRequest/${referral}` ? [resources.get(`Task/${task}`)?.['status']] : []));
    await eventually(() => states().at(-1) === 'completed', { within: 10_000 });
    const newest = (await trust.get(`Task/${task}/_history`)).body.entry.map(({ resource }: { resource: { status: string } }) => resource.status);
    expect(newest).toEqual(['completed', 'in-progress', 'accepted', 'requested']);
    for (const receiver of [told, toldCharity]) {
      // The same again under its id is no other event: each number came, in order, for one reason each.
      const events = new Map(receiver.received.map((webhook) => [webhook.headers['webhook-id'], notification(webhook).number] as const));
      const numbers = [...events.values()].filter((number) => number > 0);
      expect(numbers).toEqual(numbers.map((_, place) => place + 1));
    }
  });
});

describe('a delivery that is being retried while sharing is withdrawn', () => {
  it('comes again by itself, also after a restart, as its number and nothing else', async () => {
    const { receiver } = await charity.subscribe('referral', 'full-resource');
    receiver.answerAlways({ status: 503 });
    const { patient, referral } = await referAtOnce(trust);
    const [first] = await receiver.waitFor(1, about(`ServiceRequest/${referral}`));
    await created(trust, consent(patient, { effect: 'deny' }));
    // From now on it takes what comes: the longer the restart takes, the later the try after one that failed.
    receiver.answerAlways({ status: 200 });
    await baton.restart();
    const [, again] = await receiver.waitFor(2, ({ headers }) => headers['webhook-id'] === first!.headers['webhook-id'], 60_000);
    expect(notification(again!)).toMatchObject({ number: notification(first!).number, focus: undefined, context: [] });
    for (const id of [referral, patient]) expect(again!.body).not.toContain(id);
    const lost = await heard(receiver, ({ entries }) => entries.get(`ServiceRequest/${referral}`) === '410');
    expect(lost.number).toBeGreaterThan(notification(first!).number);
    await receiver.close();
  }, 120_000);
});

describe('an event that a service could not apply', () => {
  it('is kept with what waits behind it, counted, listed, and applied when whoever is on call says so', async () => {
    await baton.restart({ asleep: ['consent'] });
    const { referral, task } = await referAtOnce(trust);
    const topic = 'baton.referrals.referral';
    // As a handler that failed leaves it: the aggregate is shut, and its events wait.
    await baton.database.admin(`INSERT INTO consent.parked_key (consumer, topic, key, error, attempts) VALUES ('consent', $1, $2, 'Poison', 3)`, [topic, referral]);
    await baton.restart();
    const parked = await openParked((schema) => baton.database.dsn(schema));
    try {
      const [found] = await eventually(async () => {
        const all = await parked.list();
        expect(all[0]?.events).toHaveLength(1);
        return all;
      });
      expect(found).toMatchObject({ consumer: 'consent', topic, key: referral, error: 'Poison', events: [{ type: 'baton.referrals.referral-requested.v1', version: 1 }] });
      expect(await baton.metrics()).toContain('baton_parked_keys{service="consent"} 1');
      expect((await charity.get(`ServiceRequest/${referral}`)).status).toBe(404);
      await expect(parked.retry('gateway')).rejects.toThrow('gateway listens to no events');
      expect(await parked.retry('consent')).toEqual([{ topic, key: referral, applied: 1 }]);
      await sees(charity, `Task/${task}`);
      expect(await parked.list()).toEqual([]);
    } finally {
      await parked.close();
    }
  });
});
