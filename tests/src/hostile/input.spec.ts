import { randomUUID } from 'node:crypto';
import { IDENTIFIERS } from '@baton/contracts';
import { exampleReferral } from '@baton/standalone';
import { PartnerSystem, startBaton, type Answer, type BatonUnderTest } from '../index.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs bend resources out of shape
type Bent = any;

let baton: BatonUnderTest;
let trust: PartnerSystem;
let charity: PartnerSystem;
beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  charity = new PartnerSystem(baton, 'safe-zones');
});
afterAll(() => baton.stop());

const rules = ({ body }: Answer): string[] => (body.issue as { details: { coding: { code: string }[] } }[]).map(({ details }) => details.coding[0]!.code);
const stored = async (): Promise<object[]> =>
  baton.database.admin(
    `SELECT 'directory' s, count(*)::int r, (SELECT count(*)::int FROM directory.history) h FROM directory.resource UNION ALL
     SELECT 'referrals', count(*)::int, (SELECT count(*)::int FROM referrals.history) FROM referrals.resource UNION ALL
     SELECT 'episodes', count(*)::int, (SELECT count(*)::int FROM episodes.history) FROM episodes.resource UNION ALL
     SELECT 'persons', count(*)::int, 0 FROM directory.person_link ORDER BY 1`,
  );

let next = 7_000;
/** A transaction with one thing bent. */
function bundle(bend: (patient: Bent, request: Bent, whole: Bent) => void): Bent {
  const whole = exampleReferral({ index: next++, today: new Date() }) as Bent;
  bend(whole.entry[0].resource, whole.entry[2].resource, whole);
  return whole;
}

describe('bad input gets a clear answer and leaves nothing behind', () => {
  const json = (text: string) => () => trust.post('Patient', text);
  const bent = (bend: Parameters<typeof bundle>[0], headers: Record<string, string> = {}) => () => trust.post('', bundle(bend), headers);

  it.each<[string, () => Promise<Answer>, number, string[]]>([
    ['JSON that breaks off', json('{"resourceType":"Patient"'), 400, ['not-json']],
    ['the same key twice', json('{"resourceType":"Patient","gender":"male","gender":"female"}'), 400, ['duplicate-key']],
    ['__proto__', json('{"resourceType":"Patient","__proto__":{"owner":"x"}}'), 400, ['forbidden-key']],
    ['a depth bomb', json(`{"resourceType":"Patient","contact":${'['.repeat(500)}${']'.repeat(500)}}`), 400, ['json-too-deep']],
    ['half a surrogate pair', json('{"resourceType":"Patient","name":[{"family":"\\ud800"}]}'), 400, ['lone-surrogate']],
    ['a body of 10 MB', json(`{"resourceType":"Patient","language":"${'a'.repeat(10_000_000)}"}`), 413, ['body-too-large']],
    ['an array for a resource', json('[]'), 400, ['not-a-resource']],
    ['an element R4 does not know, and a code that is none: both named', () => trust.post('Patient', { resourceType: 'Patient', nickname: 'x', gender: 'x' }), 400, ['unknown-element', 'code-not-in-value-set']],
    ['a number where a text belongs', () => trust.post('Patient', { resourceType: 'Patient', birthDate: 2011 }), 400, ['wrong-type']],
    ['a type Baton does not store', () => trust.post('Medication', { resourceType: 'Medication' }), 404, ['type-not-offered']],
    ['another type than the address', () => trust.post('Patient', { resourceType: 'Flag' }), 400, ['wrong-resource-type']],
    ['an NHS number that fails its check', () => trust.post('Patient', { resourceType: 'Patient', identifier: [{ system: IDENTIFIERS.nhsNumber, value: '9990000000' }] }), 422, ['nhs-number-invalid']],
    ['a service nobody knows', bent((_, request) => (request.performer = [{ reference: 'HealthcareService/none' }])), 422, ['service-unknown']],
    ['a young person who is too old', bent((patient) => (patient.birthDate = '1990-01-01')), 422, ['age-outside-band']],
    ['no intent', bent((_, request) => delete request.intent), 400, ['required-element']],
    ['a reference to nothing', bent((_, request) => request.supportingInfo.push({ reference: `Flag/${randomUUID()}` })), 422, ['reference-unknown']],
    ['a subject that is another partner’s or nobody’s', () => trust.post('ServiceRequest', bundle((_, request) => (request.subject = { reference: `Patient/${randomUUID()}` })).entry[2].resource), 422, ['reference-unknown']],
    ['a stale version', () => trust.put(`Task/${randomUUID()}`, { resourceType: 'Task' }, { 'if-match': 'W/"x' }), 400, []],
    ['somebody else’s id', () => charity.get(`Patient/${randomUUID()}`), 404, ['resource-unknown']],
    ['plain text', () => trust.post('Patient', 'x', { 'content-type': 'text/plain' }), 415, ['media-type-not-taken']],
    ['XML wanted', () => trust.get('Patient', { accept: 'application/fhir+xml' }), 406, ['format-not-offered']],
    ['a method that is none here', () => trust.delete('ServiceRequest'), 405, ['interaction-not-offered']],
    ['a version that is none', () => trust.get(`Patient/${randomUUID()}/_history/first`), 404, ['resource-unknown']],
    ['a patch that is none', () => trust.patch(`Patient/${randomUUID()}`, { op: 'add' }), 404, ['resource-unknown']],
  ])('%s', async (_what, ask, status, expected) => {
    const before = await stored();
    const answer = await ask();
    expect([answer.status, answer.body.resourceType, ...(expected.length > 0 ? rules(answer) : [])]).toEqual([status, 'OperationOutcome', ...expected]);
    expect(await stored()).toEqual(before);
  });

  it('everything that stands against a referral is said at once, and nothing of the Bundle is stored', async () => {
    const before = await stored();
    const answer = await trust.post(
      '',
      bundle((patient, request) => {
        patient.birthDate = '1990-01-01';
        patient.address[0].city = 'Elsewhere';
        delete request.reasonCode;
        delete request.extension;
      }),
    );
    expect(answer.status).toBe(422);
    expect(rules(answer).length).toBeGreaterThanOrEqual(4);
    expect(rules(answer)).toEqual(expect.arrayContaining(['age-outside-band', 'locality-not-served']));
    expect(await stored()).toEqual(before);
  });
});

describe('who asks is told by the token and by nothing else', () => {
  const open = (path: string, headers: Record<string, string> = {}) => fetch(`${baton.fhirBase}/${path}`, { headers });

  it('no token, a token in the query, a token of nobody: 401 with WWW-Authenticate', async () => {
    for (const answer of [await open('Patient'), await open(`Patient?access_token=${await trust.accessToken()}`), await open('Patient', { authorization: 'Bearer x.y.z' }), await open('Patient', { authorization: `Basic ${btoa('a:b')}` })]) {
      expect([answer.status, answer.headers.get('www-authenticate')?.startsWith('Bearer')]).toEqual([401, true]);
    }
  });

  it('headers and bodies that claim an owner change nothing', async () => {
    const made = await trust.post('Patient', { resourceType: 'Patient', meta: { versionId: '7', source: 'urn:safe-zones' }, managingOrganization: { reference: 'Organization/safe-zones' } }, { 'x-tenant': 'safe-zones', 'x-owner': 'safe-zones' });
    expect([made.status, made.body.meta.versionId]).toEqual([201, '1']);
    expect((await charity.get(`Patient/${made.body.id}`)).status).toBe(404);
  });
});

describe('a search survives whatever is put into it', () => {
  const EVIL = ["'; DROP TABLE directory.resource; --", '%', '\\', '|', '||', ',', '$', '<script>', '((((((((((a+)+)+)+', '😀', '\u202e', 'a'.repeat(2000), '../../etc/passwd', '${1+1}', '-1', '1e999', 'null', '[]', "' OR 1=1", '\r\nx-evil: 1'];

  it.each(['Patient', 'ServiceRequest', 'Task', 'Observation', 'Encounter', 'Consent'])('%s: never a 5xx, always JSON', async (type) => {
    const metadata = (await trust.get('metadata')).body.rest[0].resource.find((each: { type: string }) => each.type === type) as { searchParam: { name: string }[] };
    for (const { name } of metadata.searchParam) {
      for (const value of EVIL) {
        const answer = await trust.get(`${type}?${name}=${encodeURIComponent(value)}`);
        expect([name, value, [200, 400].includes(answer.status)]).toEqual([name, value, true]);
      }
    }
  });
});
