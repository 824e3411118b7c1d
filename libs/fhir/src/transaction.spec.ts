import { Refused } from '@baton/kernel';
import { readEntry } from './entry-request.js';
import { conditionalReferences, readTransaction, resolveReferences } from './transaction.js';

const BASE = 'https://baton.example/fhir/R4';
const bundle = (...entry: unknown[]) => ({ resourceType: 'Bundle', type: 'transaction', entry });
const patient = { resourceType: 'Patient', id: '1' };
const asked = (method: string, url: string, resource?: unknown) => readEntry({ request: { method, url }, ...(resource === undefined ? {} : { resource }) }, 3, BASE);

function rulesOf(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof Refused) return error.violations.map(({ rule, at }) => `${rule} ${at?.[0]}`);
    throw error;
  }
  return [];
}

describe('an entry', () => {
  it.each([
    ['POST', 'Patient', patient, { interaction: 'create', type: 'Patient' }],
    ['POST', `${BASE}/Patient`, patient, { interaction: 'create', type: 'Patient' }],
    ['PUT', 'Patient/1', patient, { interaction: 'update', type: 'Patient', id: '1' }],
    ['PUT', 'Patient?identifier=a|b', patient, { interaction: 'update', query: 'identifier=a|b' }],
    ['PATCH', 'Patient/1', { resourceType: 'Binary' }, { interaction: 'patch', id: '1' }],
    ['DELETE', '/Patient/1', undefined, { interaction: 'delete', id: '1' }],
    ['DELETE', 'Patient?name=a', undefined, { interaction: 'delete', query: 'name=a' }],
    ['GET', 'Patient/1', undefined, { interaction: 'read', id: '1' }],
    ['GET', 'Patient/1/_history/2', undefined, { interaction: 'vread', id: '1', version: '2' }],
    ['GET', 'Patient/1/_history', undefined, { interaction: 'history', id: '1' }],
    ['GET', 'Patient?name=a&_count=1', undefined, { interaction: 'search', query: 'name=a&_count=1' }],
    ['GET', 'Patient', undefined, { interaction: 'search', type: 'Patient' }],
    ['GET', '?_type=Patient', undefined, { interaction: 'search', type: '' }],
    ['POST', 'Patient/_search?name=a', undefined, { interaction: 'search', query: 'name=a' }],
    ['GET', 'Patient/1/$everything', undefined, { interaction: 'operation', id: '1', operation: '$everything' }],
    ['POST', '$process-message', { resourceType: 'Bundle' }, { interaction: 'operation', type: '', operation: '$process-message' }],
  ])('%s %s is read', (method, url, resource, expected) => {
    expect(asked(method, url, resource)).toMatchObject({ place: 3, method, ...expected });
  });

  it.each([
    ['POST', 'Patient/1', patient, 'entry-url'],
    ['POST', 'Patient?name=a', patient, 'entry-url'],
    ['PUT', 'Patient', patient, 'entry-url'],
    ['PUT', 'Patient/1?name=a', patient, 'entry-url'],
    ['DELETE', 'Patient', undefined, 'entry-url'],
    ['DELETE', 'Patient/1/_history/2', undefined, 'entry-url'],
    ['GET', 'https://other.example/fhir/Patient/1', undefined, 'entry-url'],
    ['GET', '../secrets', undefined, 'entry-url'],
    ['GET', '', undefined, 'entry-url'],
    ['TRACE', 'Patient/1', undefined, 'entry-method'],
    ['POST', 'Patient', undefined, 'entry-without-resource'],
    ['GET', 'Patient/1', patient, 'entry-with-resource'],
    ['POST', 'Task', patient, 'wrong-resource-type'],
    ['PUT', 'Patient/2', patient, 'wrong-id'],
    ['POST', 'Patient', ['x'], 'not-a-resource'],
  ])('%s %s is refused', (method, url, resource, rule) => {
    const read = asked(method, url, resource);
    expect(Array.isArray(read) && read.map((violation) => violation.rule)).toEqual([rule]);
  });

  it('keeps its conditions', () => {
    const request = { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=a|b', ifMatch: 'W/"1"' };
    expect(readEntry({ fullUrl: 'urn:uuid:1cbdfb97-5859-48a4-8301-d54eab818d68', request, resource: patient }, 0)).toMatchObject({ ifNoneExist: 'identifier=a|b', ifMatch: 'W/"1"', fullUrl: expect.stringContaining('urn:uuid:') });
  });
});

describe('a transaction', () => {
  const fullUrl = 'urn:uuid:1cbdfb97-5859-48a4-8301-d54eab818d68';
  const create = { fullUrl, request: { method: 'POST', url: 'Patient' }, resource: patient };

  it('names everything that is wrong with its shape at once', () => {
    const update = { request: { method: 'PUT', url: 'Patient/1' }, resource: patient };
    expect(rulesOf(() => readTransaction(bundle(create, create, {}, update, update, { fullUrl: 'Patient/1', request: { method: 'GET', url: 'Patient/1' } })))).toEqual([
      'entry-without-request Bundle.entry[2].request',
      'entry-full-url Bundle.entry[5].fullUrl',
      'full-url-twice Bundle.entry[1].fullUrl',
      'written-twice Bundle.entry[4].request.url',
    ]);
  });

  it.each([{ resourceType: 'Bundle', type: 'message' }, { resourceType: 'Patient' }, { resourceType: 'Bundle' }])('is not %j', (resource) => {
    expect(rulesOf(() => readTransaction(resource))).toEqual(['bundle-type Bundle.type']);
  });

  it('has at most 500 entries, and may have none', () => {
    expect(rulesOf(() => readTransaction(bundle(...Array.from({ length: 501 }, () => create))))).toEqual(['bundle-too-large Bundle.entry']);
    expect(readTransaction({ resourceType: 'Bundle', type: 'transaction' })).toEqual([]);
  });

  it('has its references put right by what was assigned, conditions included', () => {
    const flag = {
      resourceType: 'Flag',
      contained: [{ resourceType: 'Practitioner', id: 'a' }],
      subject: { reference: fullUrl },
      author: { reference: 'Organization?identifier=a|b' },
      encounter: { reference: 'Encounter/7' },
      extension: [{ url: 'urn:x', valueReference: { reference: '#a' } }],
    };
    const requests = readTransaction(bundle(create, { request: { method: 'POST', url: 'Flag' }, resource: flag }));
    expect(conditionalReferences(requests)).toEqual(['Organization?identifier=a|b']);
    const assigned = new Map([[fullUrl, 'Patient/9'], ['Organization?identifier=a|b', 'Organization/8']]);
    expect(resolveReferences(requests, assigned)).toEqual([]);
    expect(flag).toMatchObject({ subject: { reference: 'Patient/9' }, author: { reference: 'Organization/8' }, encounter: { reference: 'Encounter/7' }, extension: [{ valueReference: { reference: '#a' } }] });
  });

  it("reads a relative reference under its own entry's root", () => {
    const flag = { resourceType: 'Flag', subject: { reference: 'Patient/1' } };
    const requests = readTransaction(bundle({ fullUrl: 'https://trust.example/r4/Flag/1', request: { method: 'POST', url: 'Flag' }, resource: flag }));
    resolveReferences(requests, new Map([['https://trust.example/r4/Patient/1', 'Patient/9']]));
    expect(flag.subject.reference).toBe('Patient/9');
  });

  it('names references that lead nowhere', () => {
    const flag = { resourceType: 'Flag', subject: { reference: fullUrl } };
    const requests = readTransaction(bundle({ request: { method: 'POST', url: 'Flag' }, resource: flag }));
    expect(resolveReferences(requests, new Map())).toMatchObject([{ rule: 'reference-unresolved', at: ['Bundle.entry[0].resource.subject.reference'] }]);
  });
});
