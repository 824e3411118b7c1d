import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem, type Answer } from '../partner-system.js';
import { bundleOf, contact, referralOf, type Sent } from './records.js';
import { created, expected, rulesOf } from './referring.js';

let baton: BatonUnderTest;
let trust: PartnerSystem;
let charity: PartnerSystem;

beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  charity = new PartnerSystem(baton, 'safe-zones');
});
afterAll(() => baton.stop());

const young = (): Sent => referralOf(bundleOf()).patient;
const numbered = ({ identifier }: Sent): string => {
  const [{ system, value }] = identifier as [{ system: string; value: string }];
  return `Patient?identifier=${encodeURIComponent(`${system}|${value}`)}`;
};
const versionOf = ({ body }: Answer): string => (body as { meta: { versionId: string } }).meta.versionId;

describe('a conditional update', () => {
  it('creates what is not there, updates what is, under the id that Baton gave', async () => {
    const patient = young();
    const first = expected(201, await trust.put(numbered(patient), patient));
    expect(first.headers.get('location')).toBe(`${baton.fhirBase}/Patient/${first.body.id}/_history/1`);
    const again = expected(200, await trust.put(numbered(patient), { ...patient, active: true }));
    expect([again.body.id, again.body.active, versionOf(again)]).toEqual([first.body.id, true, '2']);
    expected(200, await trust.put(numbered(patient), { ...patient, id: first.body.id, active: false }));
  });

  it('refuses another id than that of what matches, an id where nothing matches, several that match, and no condition', async () => {
    const patient = young();
    const id = await created(trust, patient);
    expect(rulesOf(expected(400, await trust.put(numbered(patient), { ...patient, id: 'another' })))).toEqual(['id-differs']);
    expect(rulesOf(expected(404, await trust.put(numbered(young()), { ...young(), id: 'chosen' })))).toEqual(['resource-unknown']);
    for (let n = 0; n < 2; n++) await created(trust, { resourceType: 'Flag', status: 'active', code: { text: 'x' }, subject: { reference: `Patient/${id}` } });
    const flag = { resourceType: 'Flag', status: 'inactive', code: { text: 'x' }, subject: { reference: `Patient/${id}` } };
    expect(rulesOf(expected(412, await trust.put(`Flag?patient=Patient/${id}`, flag)))).toEqual(['condition-ambiguous']);
    for (const address of ['Flag', 'Flag?_format=json', 'Flag?_count=1']) expect(rulesOf(expected(400, await trust.put(address, flag)))).toEqual(['condition-empty']);
    expect(rulesOf(expected(400, await trust.put('Flag?colour=red', flag)))).toEqual(['search-parameter-unknown']);
  });

  it('holds to If-Match, and to its Idempotency-Key', async () => {
    const patient = young();
    const once = { 'idempotency-key': `put-${numbered(patient)}` };
    const first = expected(201, await trust.put(numbered(patient), patient, once));
    expect(expected(201, await trust.put(numbered(patient), patient, once)).body.id).toBe(first.body.id);
    expected(412, await trust.put(numbered(patient), patient, { 'if-match': 'W/"7"' }));
  });

  it('made at the same moment makes one', async () => {
    const patient = young();
    const answers = await Promise.all([1, 2, 3].map(() => trust.put(numbered(patient), patient)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });

  it('finds nothing that the caller may not see: what it would change stays, and what it learns is nothing', async () => {
    const patient = young();
    const id = await created(trust, patient);
    const flag = await created(trust, { resourceType: 'Flag', status: 'active', code: { text: 'x' }, subject: { reference: `Patient/${id}` } });
    for (const condition of [`_id=${flag}`, '_id=never']) {
      expect(rulesOf(expected(404, await charity.patch(`Flag?${condition}`, [{ op: 'replace', path: '/status', value: 'inactive' }])))).toEqual(['resource-unknown']);
      expect(rulesOf(expected(404, await charity.delete(`Flag?${condition}`)))).toEqual(['resource-unknown']);
    }
    expect((await trust.get(`Flag/${flag}`)).body).toMatchObject({ status: 'active', meta: { versionId: '1' } });
  });
});

describe('a conditional patch and a conditional delete', () => {
  it('change the one that matches', async () => {
    const id = await created(trust, young());
    const met = await created(trust, contact(id));
    const patched = expected(200, await trust.patch(`Encounter?_id=${met}&patient=Patient/${id}`, [{ op: 'replace', path: '/status', value: 'cancelled' }]));
    expect([patched.body.id, patched.body.status]).toEqual([met, 'cancelled']);
    const flag = await created(trust, { resourceType: 'Flag', status: 'active', code: { text: 'x' }, subject: { reference: `Patient/${id}` } });
    expected(204, await trust.delete(`Flag?patient=Patient/${id}`));
    expected(410, await trust.get(`Flag/${flag}`));
    expected(404, await trust.delete(`Flag?patient=Patient/${id}`));
    expect(rulesOf(expected(405, await trust.delete(`ServiceRequest?patient=Patient/${id}`)))).toEqual(['interaction-not-offered']);
  });
});

describe('conditions in a Bundle', () => {
  const entry = (method: string, url: string, resource?: object, fullUrl?: string) => ({ request: { method, url }, ...(resource ? { resource } : {}), ...(fullUrl === undefined ? {} : { fullUrl }) });

  it('of a transaction lead to what is there, or create it, and other entries refer to it', async () => {
    const [there, fresh] = [young(), young()];
    const id = await created(trust, there);
    const flagOf = (subject: string) => ({ resourceType: 'Flag', status: 'active', code: { text: 'x' }, subject: { reference: subject } });
    const [one, other] = ['urn:uuid:5f0a6f4c-22a5-4a6f-8a5f-5a0f3d9d8f01', 'urn:uuid:5f0a6f4c-22a5-4a6f-8a5f-5a0f3d9d8f02'];
    const { body } = expected(
      200,
      await trust.post('', {
        resourceType: 'Bundle',
        type: 'transaction',
        entry: [entry('POST', 'Flag', flagOf(one)), entry('POST', 'Flag', flagOf(other)), entry('PUT', numbered(there), { ...there, active: true }, one), entry('PUT', numbered(fresh), fresh, other)],
      }),
    );
    expect(body.entry.map(({ response }: { response: { status: string } }) => response.status.slice(0, 3))).toEqual(['201', '201', '200', '201']);
    const flags = await Promise.all([0, 1].map(async (place) => (await trust.get((body.entry[place].response.location as string).split('/_history')[0]!.split('/R4/').at(-1)!)).body.subject.reference as string));
    expect(flags[0]).toBe(`Patient/${id}`);
    expect(body.entry[3].response.location).toContain(flags[1]);
  });

  it('of a transaction that cannot all hold leave nothing behind', async () => {
    const [there, fresh] = [young(), young()];
    const id = await created(trust, there);
    const twice = { resourceType: 'Bundle', type: 'transaction', entry: [entry('PUT', numbered(there), there), entry('PUT', `Patient/${id}`, { ...there, id })] };
    expect(rulesOf(expected(400, await trust.post('', twice)))).toEqual(['written-twice']);
    const nowhere = { resourceType: 'Bundle', type: 'transaction', entry: [entry('PUT', numbered(fresh), fresh), entry('PUT', 'Flag?_id=never', { resourceType: 'Flag', id: 'never', status: 'active', code: { text: 'x' }, subject: { reference: `Patient/${id}` } })] };
    const refused = expected(404, await trust.post('', nowhere));
    expect(refused.body.issue[0].expression).toEqual(['Bundle.entry[1]']);
    expect((await trust.get(numbered(fresh))).body.total).toBe(0);
    expect((await trust.get(`Patient/${id}`)).body.meta.versionId).toBe('1');
  });

  it('of a batch are judged one by one', async () => {
    const patient = young();
    const { body } = expected(
      200,
      await trust.post('', {
        resourceType: 'Bundle',
        type: 'batch',
        entry: [entry('PUT', numbered(patient), patient), entry('PUT', numbered(patient), { ...patient, active: true }), entry('DELETE', 'Encounter?_id=never'), entry('PUT', 'Patient?colour=red', patient)],
      }),
    );
    expect(body.entry.map(({ response }: { response: { status: string } }) => response.status.slice(0, 3))).toEqual(['201', '200', '404', '400']);
  });
});
