import { randomUUID } from 'node:crypto';
import { requestToken } from '@baton/access';
import { coding, EXCLUSION, EXTENSIONS, healthcareServiceId, IDENTIFIERS, REFERRAL_SOURCE } from '@baton/contracts';
import { RECEIVERS } from '@baton/testing';
import { PartnerSystem, startBaton, type Answer, type BatonUnderTest } from '../index.js';
import { subscriptionOf } from '../partner-system.js';
import { bundleOf, consent, flag } from '../stories/records.js';
import { created, referAtOnce, sees, type Referred } from '../stories/referring.js';
import { atRest, storedRows } from '../stories/stored-rows.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs bend resources out of shape
type Bent = any;

let baton: BatonUnderTest;
let trust: PartnerSystem;
let charity: PartnerSystem;
let referred: Referred;
beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  charity = new PartnerSystem(baton, 'safe-zones');
  referred = await referAtOnce(trust);
  await created(trust, flag(referred.patient));
  await sees(charity, `Patient/${referred.patient}`);
  await Promise.all([trust, charity].map((partner) => partner.accessToken()));
  await atRest(baton.database);
});
afterAll(() => baton.stop());

const rules = ({ body }: Answer): string[] => (body.issue as { details: { coding: { code: string }[] } }[]).map(({ details }) => details.coding[0]!.code);
const stored = () => storedRows(baton.database);

/** A transaction with one thing bent. */
function bundle(bend: (patient: Bent, request: Bent, whole: Bent) => void): Bent {
  const whole = bundleOf() as Bent;
  bend(whole.entry[0].resource, whole.entry[2].resource, whole);
  return whole;
}

describe('bad input gets a clear answer and leaves nothing behind', () => {
  const json = (text: string) => () => trust.post('Patient', text);
  const bent = (bend: Parameters<typeof bundle>[0], headers: Record<string, string> = {}) => () => trust.post('', bundle(bend), headers);

  const task = async (status: string, headers: Record<string, string> = {}) => charity.put(`Task/${referred.task}`, { ...(await charity.get(`Task/${referred.task}`)).body, status }, headers);
  const flagOf = (more: object) => ({ resourceType: 'Flag', status: 'active', code: { text: 'x' }, subject: { reference: `Patient/${referred.patient}` }, ...more });

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
    ['a service that takes no referrals', bent((patient, request) => {
      patient.birthDate = `${new Date().getUTCFullYear() - 15}-01-01`;
      request.performer = [{ reference: `HealthcareService/${healthcareServiceId('gm-crisis-care', 'medical-on-call')}` }];
    }), 422, ['service-takes-no-referrals']],
    ['a service without a route from here', bent((patient, request) => {
      patient.birthDate = `${new Date().getUTCFullYear() - 15}-01-01`;
      request.performer = [{ reference: `HealthcareService/${healthcareServiceId('gm-crisis-care', 'liaison')}` }];
    }), 422, ['no-route']],
    ['a route that opens later', () => charity.post('', bundle((_, request) => {
      delete request.requester;
      request.extension.push({ url: EXTENSIONS.referralSource, valueCoding: coding(REFERRAL_SOURCE, 'Q1') });
    })), 422, ['route-not-yet-open']],
    ['a source that is not the sender’s', bent((_, request) => request.extension.push({ url: EXTENSIONS.referralSource, valueCoding: coding(REFERRAL_SOURCE, 'A1') })), 422, ['source-not-yours']],
    ['an exclusion of the service', bent((_, request) => request.extension.push({ url: EXTENSIONS.exclusion, valueCodeableConcept: { coding: [{ system: EXCLUSION.system, code: 'immediate-danger' }] } })), 422, ['excluded-immediate-danger']],
    ['a version that is no ETag', () => task('accepted', { 'if-match': 'W/"x' }), 400, ['if-match-malformed']],
    ['a stale version', () => task('accepted', { 'if-match': 'W/"9"' }), 412, ['version-not-current']],
    ['a transition the table does not hold', () => task('completed'), 422, ['transition-not-allowed']],
    ['the record of another that one may see', async () => charity.put(`Patient/${referred.patient}`, (await charity.get(`Patient/${referred.patient}`)).body), 403, ['not-yours-to-write']],
    ['somebody else’s id', () => charity.get(`Patient/${randomUUID()}`), 404, ['resource-unknown']],
    ['an id that is not the address’s', () => trust.put(`Flag/${referred.flag}`, flagOf({ id: 'another' })), 400, ['id-differs']],
    ['a record moved to another young person', () => trust.put(`Flag/${referred.flag}`, flagOf({ subject: { reference: `Patient/${randomUUID()}` } })), 422, ['subject-never-changes']],
    ['what only the pathway makes', () => trust.post('Organization', { resourceType: 'Organization', name: 'Mine' }), 403, ['scope-missing']],
    ['no body', json(''), 400, ['not-a-resource']],
    ['null', json('null'), 400, ['not-a-resource']],
    ['keys that reach a prototype, deep inside', json('{"resourceType":"Patient","name":[{"family":"x","extension":[{"url":"u","constructor":{"prototype":1}}]}]}'), 400, ['forbidden-key']],
    ['a number beyond range', json('{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e999}}'), 400, ['number-beyond-range']],
    ['a script in a narrative', () => trust.post('Flag', flagOf({ text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="alert(1)"/></div>' } })), 400, ['unsafe-narrative']],
    ['an object where a scalar belongs', () => trust.post('Flag', flagOf({ status: { toString: 'active' } })), 400, ['wrong-type']],
    ['a scalar where a list belongs', () => trust.post('Patient', { resourceType: 'Patient', name: 'x' }), 400, ['wrong-type']],
    ['a Bundle of a type that is not carried out', () => trust.post('', { resourceType: 'Bundle', type: 'collection' }), 400, ['bundle-type']],
    ['a Bundle of 10 MB', () => trust.post('', `{"resourceType":"Bundle","type":"transaction","language":"${'a'.repeat(10_000_000)}"}`), 413, ['body-too-large']],
    ['a Bundle with the same address twice', bent((_, __, whole) => whole.entry.push(whole.entry[0])), 400, ['full-url-twice']],
    ['an Idempotency-Key that is none', () => trust.post('Flag', flagOf({}), { 'idempotency-key': 'two words' }), 400, ['idempotency-key-malformed']],
    ['a condition that holds nothing', () => trust.post('Flag', flagOf({}), { 'if-none-exist': '_count=1' }), 400, ['condition-empty']],
    ['a condition by a parameter that is none', () => trust.post('Flag', flagOf({}), { 'if-none-exist': `x=' OR 1=1` }), 400, ['search-parameter-unknown']],
    ['a condition that several meet', () => trust.post('Flag', flagOf({}), { 'if-none-exist': `patient=Patient/${referred.patient}` }), 412, ['condition-ambiguous']],
    ['XML', () => trust.post('Patient', '<Patient xmlns="http://hl7.org/fhir"/>', { 'content-type': 'application/fhir+xml' }), 415, ['media-type-not-taken']],
    ['a form', () => trust.post('Patient', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }), 415, ['media-type-not-taken']],
    ['a Bundle sent as a form, as curl does unless told', () => trust.post('', '{}', { 'content-type': 'application/x-www-form-urlencoded' }), 415, ['media-type-not-taken']],
    ['a patch for a resource', () => trust.post('Patient', [], { 'content-type': 'application/json-patch+json' }), 415, ['media-type-not-taken']],
    ['plain text', () => trust.post('Patient', 'x', { 'content-type': 'text/plain' }), 415, ['media-type-not-taken']],
    ['a resource for a patch', () => trust.patch(`Patient/${referred.patient}`, { resourceType: 'Patient' }, { 'content-type': 'application/fhir+json' }), 415, ['media-type-not-taken']],
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
    expect(rules(answer)).toEqual(['age-outside-band', 'locality-not-served', 'reason-missing', 'young-persons-words-missing', 'carer-informed-missing']);
    const places = answer.body.issue.map(({ expression }: { expression: string[] }) => expression[0]);
    expect(places.slice(0, 2)).toEqual(['Bundle.entry[0].resource.birthDate', 'Bundle.entry[0].resource.address']);
    expect(places.slice(2).every((place: string) => place.startsWith('Bundle.entry[2].resource'))).toBe(true);
    expect(await stored()).toEqual(before);
  });

  it('a Bundle over four services whose last entry breaks a rule leaves nothing in any of them, and all of it without that entry', async () => {
    const before = await stored();
    const whole = bundle((_, __, { entry }) => {
      entry.push({ request: { method: 'POST', url: 'Subscription' }, resource: subscriptionOf('referral', `http://${RECEIVERS}:9/`, 'empty') });
      entry.push({ request: { method: 'POST', url: 'Consent' }, resource: { ...consent('x', { effect: 'permit', recipients: ['rapid-response'] }), patient: { reference: entry[0].fullUrl } } });
    });
    const answer = await trust.post('', whole);
    expect([answer.status, rules(answer), answer.body.issue[0].expression]).toEqual([422, ['grants-itself'], ['Bundle.entry[4].resource.provision.actor']]);
    expect(await stored()).toEqual(before);
    const without = await trust.post('', { ...whole, entry: whole.entry.slice(0, 4) });
    expect([without.status, without.body.entry.map(({ response }: { response: { status: string } }) => response.status.slice(0, 3))]).toEqual([200, ['201', '201', '201', '201']]);
  });
});

describe('who asks is told by the token and by nothing else', () => {
  const open = (path: string, headers: Record<string, string> = {}) => fetch(`${baton.fhirBase}/${path}`, { headers });

  it('no token, a token in the query, a token of nobody: 401 with WWW-Authenticate', async () => {
    for (const answer of [await open('Patient'), await open(`Patient?access_token=${await trust.accessToken()}`), await open('Patient', { authorization: 'Bearer x.y.z' }), await open('Patient', { authorization: `Basic ${btoa('a:b')}` })]) {
      expect([answer.status, answer.headers.get('www-authenticate')?.startsWith('Bearer')]).toEqual([401, true]);
    }
  });

  it('a token without the scope: 403, for a search through another type and an entry of a Bundle too', async () => {
    const { access_token } = await requestToken({ fhirBase: baton.fhirBase, partner: 'rapid-response', home: baton.home, scope: 'system/Patient.rs system/Task.s' });
    const as = (method: string, path: string, body?: object) => trust.send(method, path, body, { authorization: `Bearer ${access_token}` });
    const batch = (type: string) => ({ resourceType: 'Bundle', type, entry: [{ request: { method: 'GET', url: `Flag/${referred.flag}` } }] });
    expect((await as('GET', `Patient/${referred.patient}`)).status).toBe(200);
    for (const answer of [
      await as('POST', 'Patient', { resourceType: 'Patient' }),
      await as('DELETE', `Patient/${referred.patient}`),
      await as('GET', `Flag/${referred.flag}`),
      await as('GET', `Task/${referred.task}`),
      await as('GET', `Task?focus:ServiceRequest.status=active`),
      await as('GET', `Patient?_revinclude=Flag:subject`),
      await as('POST', '', batch('transaction')),
      await as('POST', '/api/notifications/v1/signing-secrets'),
    ]) expect([answer.status, rules(answer)]).toEqual([403, ['scope-missing']]);
    expect((await as('POST', '', batch('batch'))).body.entry[0].response.status).toMatch(/^403/);
  });

  it('headers and bodies that claim an owner change nothing', async () => {
    const made = await trust.post('Patient', { resourceType: 'Patient', meta: { versionId: '7', source: 'urn:safe-zones' }, managingOrganization: { reference: 'Organization/safe-zones' } }, { 'x-tenant': 'safe-zones', 'x-owner': 'safe-zones' });
    expect([made.status, made.body.meta.versionId]).toEqual([201, '1']);
    expect((await charity.get(`Patient/${made.body.id}`)).status).toBe(404);
  });
});

describe('a search survives whatever is put into it', () => {
  const EVIL = ["'; DROP TABLE directory.resource; --", '%', '\\', '|', '||', ',', '$', '<script>', '((((((((((a+)+)+)+', '😀', '\u202e', 'a'.repeat(2000), '../../etc/passwd', '${1+1}', '-1', '1e999', 'null', '[]', "' OR 1=1", '\r\nx-evil: 1'];

  const everywhere = async (): Promise<[string, string[]][]> => {
    const { body } = await trust.get('metadata');
    return (body.rest[0].resource as { type: string; searchParam: { name: string }[] }[]).map(({ type, searchParam }) => [type, searchParam.map(({ name }) => name)]);
  };
  const survives = async (path: string): Promise<void> => {
    const answer = await trust.get(path);
    expect([path, [200, 400].includes(answer.status), answer.headers.get('x-evil')]).toEqual([path, true, null]);
  };

  it('in every parameter of the types that matter most', async () => {
    for (const [type, names] of (await everywhere()).filter(([each]) => ['Patient', 'ServiceRequest', 'Task', 'Consent'].includes(each))) {
      for (const name of names) await Promise.all(EVIL.map((value) => survives(`${type}?${name}=${encodeURIComponent(value)}`)));
    }
  }, 60_000);

  it('as SQL, in every parameter of every type, with every modifier, and as a name', async () => {
    const before = await stored();
    const sql = encodeURIComponent(`'; DROP TABLE directory.resource; --`);
    for (const [type, names] of await everywhere()) {
      for (const name of names) await Promise.all(['', ':exact', ':contains', ':not', ':missing', ':identifier', ':Patient', `:${sql}`, '.name', `:Patient.${sql}`].map((modifier) => survives(`${type}?${name}${modifier}=${sql}`)));
      await Promise.all(['_sort', '_include', '_revinclude', '_elements', '_total', '_summary', '_count', '_cursor', '_has:Task:focus:status', sql].map((name) => survives(`${type}?${name}=${sql}`)));
    }
    expect(await stored()).toEqual(before);
  }, 60_000);

  it('as wide as nobody asks', async () => {
    for (const query of [`name=${'a,'.repeat(5000)}b`, Array.from({ length: 41 }, () => 'name=a').join('&'), `name=${'a'.repeat(9000)}`]) {
      const answer = await trust.get(`Patient?${query}`);
      expect([answer.status, rules(answer)]).toEqual([400, ['search-too-wide']]);
    }
  });
});
