import { Refused } from '@baton/kernel';
import fc from 'fast-check';
import { foldText } from './fold-text.js';
import { precisionBounds } from './number-bounds.js';
import { parseSearch } from './parse-search.js';
import { escapeValue, splitEscaped, unescapeValue } from './query-escapes.js';
import { readQuantity } from './query-value.js';

const BASE = 'https://baton.example/fhir/R4';
const parse = (type: string, query: string, handling: 'strict' | 'lenient' = 'lenient') => parseSearch(type, new URLSearchParams(query), { handling, base: BASE });
const only = (type: string, query: string) => parse(type, query, 'strict').criteria[0];
const at = (iso: string) => new Date(iso).getTime();

function refusal(type: string, query: string, handling: 'strict' | 'lenient' = 'lenient') {
  try {
    parse(type, query, handling);
  } catch (error) {
    if (error instanceof Refused) return error.violations.map(({ rule, at: [place] = [] }) => [rule, place]);
    throw error;
  }
  return undefined;
}

describe('a search', () => {
  it('takes criteria that must all hold, each with values of which one will do', () => {
    const { criteria, used } = parse('ServiceRequest', 'status=active,on-hold&code=http://snomed.info/sct|123&priority:not=routine');
    expect(criteria).toEqual([
      { name: 'status', param: 'status', kind: 'token', values: [{ code: 'active' }, { code: 'on-hold' }] },
      { name: 'code', param: 'code', kind: 'token', values: [{ system: 'http://snomed.info/sct', code: '123' }] },
      { name: 'priority:not', param: 'priority', kind: 'token', modifier: 'not', values: [{ code: 'routine' }] },
    ]);
    expect(used).toEqual([
      ['status', 'active,on-hold'],
      ['code', 'http://snomed.info/sct|123'],
      ['priority:not', 'routine'],
    ]);
  });

  it('tells a token without system from one of any system, and one of any code', () => {
    expect(only('Patient', 'identifier=|1,https://fhir.nhs.uk/Id/nhs-number|,1')!.values).toEqual([{ system: null, code: '1' }, { system: 'https://fhir.nhs.uk/Id/nhs-number' }, { code: '1' }]);
  });

  it('knows the system that a code implies', () => {
    expect(only('ServiceRequest', 'status=http://hl7.org/fhir/request-status|active,|active,https://else.example|active')!.values).toEqual([
      { code: 'active' },
      { code: 'active' },
      { system: 'https://else.example', code: 'active' },
    ]);
  });

  it('takes a reference as type and id, under our base, as a bare id, and by identifier', () => {
    expect(only('ServiceRequest', `subject=Patient/1,${BASE}/Patient/2,https://x.example/Patient/3`)!.values).toEqual([{ anyOf: ['Patient/1'] }, { anyOf: ['Patient/2'] }, { anyOf: ['https://x.example/Patient/3'] }]);
    expect(only('ServiceRequest', 'subject=1')!.values).toEqual([{ anyOf: ['Location/1', 'Patient/1'] }]);
    expect(only('ServiceRequest', 'subject:Patient=1')!.values).toEqual([{ anyOf: ['Patient/1'] }]);
    expect(only('ServiceRequest', 'performer:identifier=https://fhir.nhs.uk/Id/ods-organization-code|RXV')).toEqual({
      name: 'performer:identifier',
      param: 'performer:identifier',
      kind: 'token',
      values: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', code: 'RXV' }],
    });
  });

  it('answers an alias by the entries of its base, narrowed to its type', () => {
    expect(only('Task', 'patient=1')).toEqual({ name: 'patient', param: 'subject', target: 'Patient', kind: 'reference', values: [{ anyOf: ['Patient/1'] }] });
    expect(only('Task', 'patient:missing=true')).toMatchObject({ param: 'subject', target: 'Patient', missing: true, values: [] });
    expect(only('EpisodeOfCare', 'patient=1')).not.toHaveProperty('target');
    expect(refusal('Task', 'patient=Organization/1')).toEqual([['search-value-malformed', 'http.patient']]);
  });

  it('follows one link of a chain, to each type that knows the parameter', () => {
    const criterion = { name: 'identifier', param: 'identifier', kind: 'token', values: [{ code: '9' }] };
    const chained = (name: string, chain: object[], more = {}) => ({ name, param: 'subject', kind: 'reference', values: [], chain, ...more });
    expect(only('ServiceRequest', 'patient.identifier=9')).toEqual(chained('patient.identifier', [{ type: 'Patient', criterion }], { target: 'Patient' }));
    expect(only('ServiceRequest', 'subject:Patient.identifier=9')).toEqual(chained('subject:Patient.identifier', [{ type: 'Patient', criterion }]));
    expect(only('ServiceRequest', 'subject.identifier=9')).toEqual(chained('subject.identifier', [{ type: 'Location', criterion }, { type: 'Patient', criterion }]));
    expect(refusal('ServiceRequest', 'patient.general-practitioner.name=x', 'strict')).toEqual([['search-parameter-unknown', 'http.patient.general-practitioner.name']]);
    expect(refusal('ServiceRequest', 'patient.birthdate=soon')).toEqual([['search-value-malformed', 'http.patient.birthdate']]);
  });

  it('takes dates with a prefix as the interval they cover', () => {
    expect(only('ServiceRequest', 'authored=ge2026-03,2026-03-01T10:00:00+01:00')!.values).toEqual([
      { prefix: 'ge', low: at('2026-03-01T00:00:00Z'), high: at('2026-04-01T00:00:00Z') },
      { prefix: 'eq', low: at('2026-03-01T09:00:00Z'), high: at('2026-03-01T09:00:01Z') },
    ]);
    expect(parse('ServiceRequest', '_lastUpdated=gt2026&_lastUpdated=lt2027,eb2030').lastUpdated.map((any) => any.map(({ prefix }) => prefix))).toEqual([['gt'], ['lt', 'eb']]);
  });

  it('compares texts folded, unless exactly', () => {
    expect(only('Patient', 'family=Ó Briain')!.values).toEqual([{ folded: 'o briain', exact: 'Ó Briain' }]);
    expect(only('Patient', 'family:exact=Ann')).toMatchObject({ modifier: 'exact', values: [{ exact: 'Ann' }] });
    expect(only('Patient', 'family:contains=nn')).toMatchObject({ modifier: 'contains' });
  });

  it('shapes the answer', () => {
    expect(parse('ServiceRequest', '_id=a,b&_id=b,c&_count=1000&_sort=-authored,_id&_total=accurate&_summary=count&_elements=status,code&_cursor=x&_include=ServiceRequest:patient&_revinclude:iterate=Task:focus&_format=json', 'strict')).toEqual({
      type: 'ServiceRequest',
      criteria: [],
      ids: ['b'],
      lastUpdated: [],
      count: 200,
      total: 'accurate',
      sort: [{ param: 'authored', descending: true }, { param: '_id', descending: false }],
      summary: 'count',
      elements: ['status', 'code'],
      cursor: 'x',
      include: [{ source: 'ServiceRequest', param: 'subject', target: 'Patient', iterate: false }],
      revinclude: [{ source: 'Task', param: 'focus', iterate: true }],
      used: expect.arrayContaining([['_count', '200']]) as unknown,
      ignored: [],
    });
    expect(parse('Patient', '')).toMatchObject({ count: 20, sort: [], criteria: [] });
    expect(parse('Patient', '_count=0')).toMatchObject({ summary: 'count' });
  });

  it.each(['colour=red', '_has:Task:focus:status=x', 'address=Bury', 'constructor=1', '__proto__=1', '_sort=name', '_include=Task:encounter', '_summary=text', 'identifier.system=x'])('leaves %s out when lenient, and refuses it when strict', (query) => {
    const name = query.split('=')[0]!;
    expect(parse('Patient', `gender=female&${query}`)).toMatchObject({ ignored: [name], used: [['gender', 'female']] });
    expect(refusal('Patient', query, 'strict')).toEqual([['search-parameter-unknown', `http.${name}`]]);
  });

  it.each(['gender=', 'gender=female,', 'gender:exact=x', 'gender:missing=maybe', 'identifier=|', 'identifier=a|b|c', 'birthdate=2026-13', 'birthdate=ap2026', 'name:not=x', 'general-practitioner=a b', 'general-practitioner:Task=1', '_id=a b', '_count=-1', '_count=x', '_sort=', '_total=all', '_include=x', '_lastUpdated=yesterday', '_cursor='])(
    'refuses %s however it is handled, naming the parameter',
    (query) => expect(refusal('Patient', query)).toEqual([['search-value-malformed', `http.${query.split('=')[0]!}`]]),
  );

  it('refuses all that is wrong at once, and what is too wide', () => {
    expect(refusal('Patient', 'birthdate=x&_count=x&colour=red', 'strict')).toHaveLength(3);
    expect(refusal('Patient', '_count=1&_count=2')).toEqual([['search-value-malformed', 'http._count']]);
    expect(refusal('Patient', Array.from({ length: 41 }, () => 'gender=male').join('&'))).toEqual([['search-too-wide', undefined]]);
    expect(refusal('Patient', `identifier=${'1,'.repeat(200)}1`)).toEqual([['search-too-wide', 'http.identifier']]);
    expect(refusal('Patient', `identifier=${'1'.repeat(8193)}`)).toEqual([['search-too-wide', 'http.identifier']]);
    expect(refusal('Bundle', 'identifier=1')).toEqual([['search-type-unknown', undefined]]);
  });
});

describe('values of a search', () => {
  const value = fc.string({ unit: fc.constantFrom('a', 'é', ',', '|', '$', '\\', ' ') });

  it('survive being escaped and joined', () => {
    fc.assert(fc.property(fc.array(value, { minLength: 1 }), (values) => expect(splitEscaped(values.map(escapeValue).join(','), ',').map(unescapeValue)).toEqual(values)));
  });

  it('reach the token as they were before escaping', () => {
    fc.assert(
      fc.property(value.filter(Boolean), value.filter(Boolean), (system, code) => {
        expect(only('Patient', new URLSearchParams({ identifier: `${escapeValue(system)}|${escapeValue(code)}` }).toString())!.values).toEqual([{ system, code }]);
      }),
    );
  });

  it('fold to the same however letters are composed or cased, and folding again changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'É', 'ö', 'e\u0301', ' ', '\u00a0', '\t', 'ß') }), (text) => {
        expect(foldText(text.normalize('NFC'))).toBe(foldText(text.normalize('NFD')));
        expect(foldText(foldText(text))).toBe(foldText(text));
        expect(foldText(text)).not.toMatch(/\s\s|^\s|\s$|\p{M}|[A-Z]/u);
      }),
    );
  });

  it('of numbers stand for what their digits imply', () => {
    expect(['100', '5.40', '1e2', '-0.5'].map(precisionBounds)).toEqual([{ low: 99.5, high: 100.5 }, { low: 5.395, high: 5.405 }, { low: 50, high: 150 }, { low: -0.55, high: -0.45 }]);
    expect(readQuantity('le5.4|http://unitsofmeasure.org|mg')).toMatchObject({ prefix: 'le', number: 5.4, unit: { system: 'http://unitsofmeasure.org', code: 'mg' } });
    expect(readQuantity('5.4||mg')).toMatchObject({ unit: { code: 'mg' } });
    expect([readQuantity('5|x'), readQuantity('x'), readQuantity('')]).toEqual([undefined, undefined, undefined]);
  });
});
