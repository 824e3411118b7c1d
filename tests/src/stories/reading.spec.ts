import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem, type Answer } from '../partner-system.js';
import { flag, referralOf } from './records.js';
import { created, expected, rulesOf } from './referring.js';

let baton: BatonUnderTest;
let trust: PartnerSystem;
let patient: string;
beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  patient = await created(trust, referralOf().patient);
});
afterAll(() => baton.stop());

const ids = ({ body }: Answer): string[] => (body.entry ?? []).filter(({ search }: { search: { mode: string } }) => search.mode === 'match').map((entry: { resource: { id: string } }) => entry.resource.id);
const linkOf = ({ body }: Answer, relation: string): string | undefined => body.link.find((link: { relation: string }) => link.relation === relation)?.url;
const pathOf = (url: string): string => url.slice(baton.fhirBase.length + 1);

describe('a resource', () => {
  let alert: string;
  let first: Answer;
  beforeAll(async () => {
    alert = await created(trust, flag(patient, 'First.'));
    first = await trust.get(`Flag/${alert}`);
  });

  it('is not sent again to whoever has its version', async () => {
    expect(first.headers.get('etag')).toBe('W/"1"');
    for (const headers of [{ 'if-none-match': 'W/"1"' }, { 'if-none-match': '*' }, { 'if-modified-since': first.headers.get('last-modified')! }]) {
      const again = await trust.get(`Flag/${alert}`, headers);
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', 'W/"1"']);
    }
    expect((await trust.get(`Flag/${alert}`, { 'if-none-match': 'W/"2"' })).status).toBe(200);
  });

  it('changes by the version the caller saw, and by no other', async () => {
    const { body } = first;
    const second = expected(200, await trust.put(`Flag/${alert}`, { ...body, code: { text: 'Second.' } }, { 'if-match': 'W/"1"' }));
    expect([second.headers.get('etag'), second.body.meta.versionId, second.headers.get('location')]).toEqual(['W/"2"', '2', `${baton.fhirBase}/Flag/${alert}/_history/2`]);
    const stale = await trust.put(`Flag/${alert}`, body, { 'if-match': 'W/"1"' });
    expect([stale.status, rulesOf(stale)]).toEqual([412, ['version-not-current']]);
    expect((await trust.put(`Flag/${alert}`, body, { 'if-match': 'the first' })).status).toBe(400);
    expected(200, await trust.patch(`Flag/${alert}`, [{ op: 'replace', path: '/code/text', value: 'Third.' }], { 'if-match': 'W/"2"' }));
  });

  it('is given back in each version, newest first, a page at a time', async () => {
    const texts = async (path: string) => (await trust.get(path)).body.entry.map((entry: { resource: { code: { text: string } }; request: { method: string } }) => [entry.request.method, entry.resource.code.text]);
    expect((await trust.get(`Flag/${alert}/_history/1`)).body.code.text).toBe('First.');
    expect(await texts(`Flag/${alert}/_history`)).toEqual([['PATCH', 'Third.'], ['PUT', 'Second.'], ['POST', 'First.']]);
    const page = expected(200, await trust.get(`Flag/${alert}/_history?_count=2`));
    expect(page.body.entry).toHaveLength(2);
    expect(await texts(pathOf(linkOf(page, 'next')!))).toEqual([['POST', 'First.']]);
    expect((await trust.get(`Flag/${alert}/_history?_since=${new Date(Date.now() + 60_000).toISOString()}`)).body.entry ?? []).toEqual([]);
    expect((await trust.get(`Flag/${alert}/_history/4`)).status).toBe(404);
  });

  it('is gone once deleted, and its versions stay', async () => {
    expect((await trust.delete(`Flag/${alert}`, { 'if-match': 'W/"1"' })).status).toBe(412);
    expect((await trust.delete(`Flag/${alert}`)).status).toBe(204);
    expect((await trust.delete(`Flag/${alert}`)).status).toBe(204);
    const gone = await trust.get(`Flag/${alert}`);
    expect([gone.status, rulesOf(gone), gone.body.issue[0].code]).toEqual([410, ['resource-deleted'], 'deleted']);
    expect((await trust.get(`Flag/${alert}/_history/3`)).body.code.text).toBe('Third.');
    expect((await trust.get(`Flag/${alert}/_history/4`)).status).toBe(410);
    expect((await trust.get(`Flag/${alert}/_history`)).body.entry[0].request.method).toBe('DELETE');
    expect(ids(await trust.get(`Flag?_id=${alert}`))).toEqual([]);
    expect((await trust.put(`Flag/${alert}`, first.body)).status).toBe(410);
  });

  it('comes back as the caller prefers', async () => {
    const minimal = await trust.post('Flag', flag(patient), { prefer: 'return=minimal' });
    expect([minimal.status, minimal.text, minimal.headers.get('location')]).toEqual([201, '', expect.stringContaining('/Flag/')]);
    const outcome = await trust.post('Flag', flag(patient), { prefer: 'return=OperationOutcome' });
    expect([outcome.status, outcome.body.resourceType, outcome.body.issue[0].severity]).toEqual([201, 'OperationOutcome', 'information']);
  });
});

describe('a search', () => {
  const alerts: string[] = [];
  let child: string;
  beforeAll(async () => {
    child = await created(trust, { ...referralOf().patient, name: [{ family: 'Zunge', given: ['Ånna'] }] });
    for (let i = 0; i < 5; i++) alerts.push(await created(trust, flag(child, `Alert ${i}.`)));
  });

  it('pages through every match once, by links that show what was used', async () => {
    const found: string[] = [];
    let path: string | undefined = `Flag?patient=Patient/${child}&_count=2`;
    for (let page = 0; path !== undefined && page < 5; page++) {
      const answer: Answer = expected(200, await trust.get(path));
      expect(answer.body.type).toBe('searchset');
      found.push(...ids(answer));
      path = linkOf(answer, 'next') === undefined ? undefined : pathOf(linkOf(answer, 'next')!);
    }
    expect(found.sort()).toEqual([...alerts].sort());
  });

  it('is the same by GET and by form', async () => {
    const form = await trust.send('POST', 'Flag/_search', new URLSearchParams({ patient: `Patient/${child}`, _sort: '-_lastUpdated' }).toString(), { 'content-type': 'application/x-www-form-urlencoded' });
    expect([form.status, ids(form)]).toEqual([200, [...alerts].reverse()]);
    expect(ids(await trust.get(`Flag?patient=Patient/${child}&_sort=-_lastUpdated`))).toEqual([...alerts].reverse());
  });

  it('leaves out what it does not know and says so; asked strictly, it refuses', async () => {
    const lenient = expected(200, await trust.get(`Flag?patient=Patient/${child}&colour=red`));
    expect(linkOf(lenient, 'self')).not.toContain('colour');
    expect(lenient.body.entry.at(-1)).toMatchObject({ search: { mode: 'outcome' }, resource: { issue: expect.arrayContaining([expect.objectContaining({ details: expect.objectContaining({ text: expect.stringContaining('colour') }) })]) } });
    expect(ids(lenient)).toHaveLength(5);
    expect((await trust.get(`Flag?patient=Patient/${child}&colour=red`, { prefer: 'handling=strict' })).status).toBe(400);
  });

  it('follows names without accents, chains, inclusions and chosen elements', async () => {
    expect(ids(await trust.get('Patient?name=zung&given=anna'))).toEqual([child]);
    expect(ids(await trust.get('Flag?subject:Patient.family=Zunge')).sort()).toEqual([...alerts].sort());
    const included = expected(200, await trust.get(`Flag?_id=${alerts[0]}&_include=Flag:subject`));
    expect(included.body.entry.map((entry: { resource: { id: string }; search: { mode: string } }) => [entry.resource.id, entry.search.mode])).toEqual([[alerts[0], 'match'], [child, 'include']]);
    const back = expected(200, await trust.get(`Patient?_id=${child}&_revinclude=Flag:subject`));
    expect(back.body.entry).toHaveLength(6);
    const [entry] = expected(200, await trust.get(`Flag?_id=${alerts[0]}&_elements=code`)).body.entry;
    expect(Object.keys(entry.resource).sort()).toEqual(['code', 'id', 'meta', 'resourceType']);
    expect(entry.resource.meta.tag).toContainEqual(expect.objectContaining({ code: 'SUBSETTED' }));
  });
});

describe('every answer', () => {
  it('names its request: the id that came, or a new one where none fits a header', async () => {
    const echoed = await trust.get('Patient', { 'x-request-id': 'a-request-1', 'x-correlation-id': 'a-journey-1' });
    expect([echoed.headers.get('x-request-id'), echoed.headers.get('x-correlation-id')]).toEqual(['a-request-1', 'a-journey-1']);
    for (const headers of [{}, { 'x-request-id': '<script>' }, { 'x-request-id': 'x'.repeat(500) }] as Record<string, string>[]) {
      expect((await trust.get('Patient', headers)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('is JSON, however it is asked for, or 406', async () => {
    for (const accept of ['application/fhir+json', 'application/json', '*/*', 'text/html, application/fhir+json;q=0.9']) {
      const answer = await trust.get('Patient', { accept });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/fhir+json; charset=utf-8']);
    }
    expect((await trust.get('Patient?_format=json')).status).toBe(200);
    expect((await trust.get('Patient?_format=xml')).status).toBe(406);
    expect((await trust.get('metadata?_format=application/fhir%2Bxml')).status).toBe(406);
  });
});
