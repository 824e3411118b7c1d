import { randomUUID } from 'node:crypto';
import { eventually } from '@baton/testing';
import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem, subscriptionOf, type Answer, type Receiver } from '../partner-system.js';
import { about } from './notification.js';
import { carePlan, consent, contact, flag, observation, referralOf, type Sent } from './records.js';
import { created, expected, refer, rulesOf, sees, setStatus, type Referred } from './referring.js';

let baton: BatonUnderTest;
let trust: PartnerSystem;
let charity: PartnerSystem;
/** Acts in the same pathway, and has nothing to do with this young person. */
let stranger: PartnerSystem;
let told: Receiver;
let strangerTold: Receiver;
let referred: Referred;
let young: Sent;
/** `Type/id` of everything there is about the young person. */
const hidden: string[] = [];

beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  charity = new PartnerSystem(baton, 'safe-zones');
  stranger = new PartnerSystem(baton, 'community-camhs');
  const subscribed = await trust.subscribe('referral');
  told = subscribed.receiver;
  strangerTold = (await stranger.subscribe('referral')).receiver;
  for (const topic of ['episode', 'care-plan', 'alert', 'access']) expected(201, await stranger.post('Subscription', subscriptionOf(topic, strangerTold.url, 'full-resource')));
  const sent = referralOf();
  young = sent.patient;
  referred = await refer(trust, sent);
  const { patient, flag: alert, referral, task } = referred;
  await sees(charity, `Task/${task}`);
  const episode = expected(200, await setStatus(charity, task, 'accepted')).body.output[0].valueReference.reference as string;
  hidden.push(`Patient/${patient}`, `Flag/${alert}`, `ServiceRequest/${referral}`, `Task/${task}`, episode, `Subscription/${subscribed.subscription}`);
  for (const resource of [contact(patient, referral), carePlan(patient, referral)]) hidden.push(`${resource.resourceType}/${await created(charity, resource)}`);
  for (const resource of [observation(patient), consent(patient, { effect: 'permit', recipients: ['safe-zones'] }), { resourceType: 'RelatedPerson', patient: { reference: `Patient/${patient}` } }]) {
    hidden.push(`${resource.resourceType}/${await created(trust, resource)}`);
  }
  await told.waitFor(2, about(`ServiceRequest/${referral}`));
});
afterAll(async () => {
  await Promise.all([told.close(), strangerTold.close()]);
  await baton.stop();
});

/** What a partner can compare: status, body and headers, but for the ids it sent and what is of each request's own. */
function look({ status, headers, text }: Answer, ...ids: readonly string[]): object {
  const OWN = ['x-request-id', 'x-correlation-id', 'date'];
  const plain = (value: string) => ids.reduce((rest, id, i) => rest.replaceAll(id, `<${i}>`), value);
  return { status, headers: Object.fromEntries([...headers].filter(([name]) => !OWN.includes(name)).map(([name, value]) => [name, plain(value)])), text: plain(text) };
}

/** Sends the same request about what is there and about what never was, and compares the answers byte for byte. @returns the statuses that came */
async function sameAsNothing(ask: (reference: string) => Promise<Answer>): Promise<number[]> {
  const statuses = new Set<number>();
  for (const reference of hidden) {
    const [type, id] = reference.split('/') as [string, string];
    const never = randomUUID();
    const answer = await ask(reference);
    statuses.add(answer.status);
    expect([reference, look(answer, id)]).toEqual([reference, look(await ask(`${type}/${never}`), never)]);
  }
  return [...statuses].sort();
}

/** The whole resource, as whoever wrote it might send it again. */
const ofOwner = async (reference: string): Promise<object> => {
  const [known] = (await Promise.all([trust, charity].map((partner) => partner.get(reference)))).filter(({ status }) => status === 200);
  return known?.body ?? {};
};

describe('a partner without part in it learns nothing', () => {
  it('by reading, in any version, with any condition', async () => {
    for (const version of ['', '/_history', '/_history/1']) expect(await sameAsNothing((reference) => stranger.get(reference + version))).toEqual([404]);
    expect(await sameAsNothing((reference) => stranger.get(reference, { 'if-none-match': 'W/"1"' }))).toEqual([404]);
  });

  it('by writing: what is hidden cannot be replaced, patched or deleted', async () => {
    const bodies = new Map<string, object>();
    for (const reference of hidden) bodies.set(reference.split('/')[0]!, await ofOwner(reference));
    const body = (reference: string) => ({ ...bodies.get(reference.split('/')[0]!), id: reference.split('/')[1] });
    expect(await sameAsNothing((reference) => stranger.put(reference, body(reference)))).toEqual([404]);
    expect(await sameAsNothing((reference) => stranger.put(reference, body(reference), { 'if-match': 'W/"99"' }))).toEqual([404]);
    expect(await sameAsNothing((reference) => stranger.patch(reference, [{ op: 'test', path: '/status', value: 'active' }]))).toEqual([404]);
    expect(await sameAsNothing((reference) => stranger.delete(reference))).toEqual([404, 405]);
  });

  it('by searching, counting, sorting, including or chaining', async () => {
    const found = async (ask: (reference: string) => string) => expect(await sameAsNothing((reference) => stranger.get(ask(reference)))).toEqual([200]);
    for (const query of ['', '&_summary=count', '&_total=accurate', '&_sort=-_lastUpdated', '&_elements=status']) await found((reference) => `${reference.replace('/', '?_id=')}${query}`);
    for (const query of ['', '&_include=Task:focus', '&_include=Task:patient&_revinclude:iterate=Flag:subject']) await found((reference) => `Task?focus=${reference}${query}`);
    for (const type of ['Flag', 'ServiceRequest', 'Encounter', 'CarePlan', 'Observation', 'Task']) await found((reference) => `${type}?subject=Patient/${reference.split('/')[1]}&_total=accurate`);
  });

  it('by the young person’s own particulars', async () => {
    const { value } = (young['identifier'] as { value: string }[])[0]!;
    const nobody = '9990000026';
    for (const query of [(number: string) => `Patient?identifier=${number}`, (number: string) => `Flag?subject:Patient.identifier=${number}&_total=accurate`, (number: string) => `Task?patient.identifier=${number}&_summary=count`]) {
      const [known, unknown] = [await stranger.get(query(value)), await stranger.get(query(nobody))];
      expect(look(known, value)).toEqual(look(unknown, nobody));
      expect([known.body.total, known.body.entry]).toEqual([0, undefined]);
    }
    for (const type of new Set(hidden.map((reference) => reference.split('/')[0]!))) {
      const found = await stranger.get(`${type}?_lastUpdated=gt2020-01-01&_total=accurate`);
      expect([type, found.body.total]).toEqual([type, type === 'Subscription' ? 5 : 0]);
    }
  });

  it('by referring to it: hidden and missing are the same 422', async () => {
    const pointing: ((reference: string) => Sent)[] = [
      (reference) => ({ ...flag('x'), subject: { reference } }),
      (reference) => ({ ...flag('x'), subject: { reference }, encounter: { reference } }),
      (reference) => ({ ...observation('x'), subject: { reference }, basedOn: [{ reference }] }),
      (reference) => ({ ...contact('x'), subject: { reference }, basedOn: [{ reference }] }),
      (reference) => ({ ...carePlan('x'), subject: { reference }, supportingInfo: [{ reference }] }),
      (reference) => ({ ...consent('x', { effect: 'deny' }), patient: { reference } }),
      (reference) => ({ ...consent('x', { effect: 'permit', recipients: ['community-camhs'] }), patient: { reference } }),
      (reference) => ({ resourceType: 'RelatedPerson', patient: { reference } }),
      (reference) => ({ ...referralOf().request('x', 'x'), requester: undefined, subject: { reference }, supportingInfo: [{ reference }] }),
      (reference) => ({ resourceType: 'PractitionerRole', organization: { reference } }),
    ];
    for (const make of pointing) expect(await sameAsNothing((reference) => stranger.post(make(reference).resourceType, make(reference)))).toEqual([422]);
  });

  it('by a transaction, a batch, or a condition in them', async () => {
    const bundle = (type: string, entry: object[]) => ({ resourceType: 'Bundle', type, entry });
    for (const type of ['transaction', 'batch']) {
      for (const method of ['GET', 'DELETE']) {
        const statuses = await sameAsNothing((reference) => stranger.post('', bundle(type, [{ request: { method, url: reference } }])));
        expect(statuses).toEqual(type === 'batch' ? [200] : method === 'GET' ? [404] : [404, 405]);
      }
    }
    const { value } = (young['identifier'] as { value: string }[])[0]!;
    const conditional = (number: string) => stranger.post('', bundle('transaction', [{ request: { method: 'POST', url: 'Flag' }, resource: { ...flag('x'), subject: { reference: `Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|${number}` } } }]));
    expect(look(await conditional(value), value)).toEqual(look(await conditional('9990000026'), '9990000026'));
  });

  it('by what other APIs say of deliveries', async () => {
    const { deliveries } = (await trust.get('/api/notifications/v1/deliveries')).body;
    const never = randomUUID();
    const id = deliveries[0].id as string;
    for (const path of [(one: string) => `/api/notifications/v1/deliveries/${one}`, (one: string) => `/api/notifications/v1/deliveries/${one}/resend`, (one: string) => `/api/notifications/v1/subscriptions/${one}/redrive`]) {
      const ask = (one: string) => (path(one).endsWith(one) ? stranger.get(path(one)) : stranger.post(path(one), undefined));
      const subject = path('').includes('subscriptions') ? hidden.find((reference) => reference.startsWith('Subscription'))!.split('/')[1]! : id;
      const answer = await ask(subject);
      expect(answer.status).toBe(404);
      expect(look(answer, subject)).toEqual(look(await ask(never), never));
    }
    expect((await stranger.get('/api/notifications/v1/deliveries')).body.deliveries).toEqual([]);
  });

  it('by recording the same young person itself: neither the answer nor a condition tells that others know them', async () => {
    const { system, value } = (young['identifier'] as { system: string; value: string }[])[0]!;
    const other: Sent = { ...referralOf().patient, birthDate: young['birthDate'], address: young['address'], name: young['name'], gender: young['gender'] };
    const condition = (patient: Sent) => ({ 'if-none-exist': `identifier=${system}|${(patient['identifier'] as { value: string }[])[0]!.value}` });
    const known = expected(201, await stranger.post('Patient', young, condition(young)));
    const unknown = expected(201, await stranger.post('Patient', other, condition(other)));
    const times = ({ body, headers }: Answer) => [body.meta.lastUpdated as string, headers.get('last-modified')!];
    expect(look(known, known.body.id, value, ...times(known))).toEqual(look(unknown, unknown.body.id, (other['identifier'] as { value: string }[])[0]!.value, ...times(unknown)));

    const own = referralOf();
    const alert = await created(stranger, flag(known.body.id));
    const { requester: _requester, ...request } = own.request(known.body.id, alert);
    const second = expected(201, await stranger.post('ServiceRequest', request));
    await eventually(() => strangerTold.received.some(about(`ServiceRequest/${second.body.id}`)));
    for (const reference of hidden) expect((await stranger.get(reference)).status).toBe(404);
  });

  it('by its subscriptions: of all that happened it was told its own only', async () => {
    const bodies = strangerTold.received.map(({ body }) => body).join('\n');
    for (const reference of hidden) expect(bodies).not.toContain(reference.split('/')[1]);
  });

  it('by another’s page link', async () => {
    await created(trust, flag(referred.patient));
    const page = expected(200, await trust.get('Flag?_count=1')).body.link.find(({ relation }: { relation: string }) => relation === 'next').url.slice(baton.fhirBase.length + 1);
    const answer = await stranger.get(page);
    expect([answer.status, rulesOf(answer)]).toEqual([400, ['page-link-invalid']]);
  });
});
