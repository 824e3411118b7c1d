import { entriesFor, indexEntries } from './indexer.js';
import { indexedParametersOf, searchParametersOf } from './search-parameters.js';
import { OWNED_TYPES } from './types.js';

const of = (resource: { resourceType: string; [element: string]: unknown }, param: string) => indexEntries(resource).filter((entry) => entry.param.split(':')[0] === param);
const official = (resource: { resourceType: string; [element: string]: unknown }, code: string) => entriesFor(resource, [code]);
const at = (iso: string) => new Date(iso).getTime();

describe('the index of a resource', () => {
  it('holds a code with its system, of a coding, an identifier or a plain code', () => {
    const coding = { system: 'http://snomed.info/sct', code: '3457005' };
    expect(of({ resourceType: 'ServiceRequest', code: { coding: [coding, { display: 'no code' }] } }, 'code')).toEqual([{ param: 'code', value: '3457005', system: coding.system }]);
    expect(of({ resourceType: 'ServiceRequest', identifier: [{ value: 'R-1' }] }, 'identifier')).toEqual([{ param: 'identifier', value: 'R-1' }]);
    expect(of({ resourceType: 'ServiceRequest', status: 'active' }, 'status')).toEqual([{ param: 'status', value: 'active' }]);
    expect(official({ resourceType: 'Patient', active: false }, 'active')).toEqual([{ param: 'active', value: 'false' }]);
    expect(official({ resourceType: 'Patient', deceasedDateTime: '2026' }, 'deceased')).toEqual([{ param: 'deceased', value: 'true' }]);
  });

  it('holds a reference without its version, a foreign URL as it came, and its identifier as a token', () => {
    const performer = [{ reference: 'Organization/o/_history/3' }, { reference: 'https://x.example/fhir/Practitioner/p' }, { identifier: { system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'RXV' } }, { reference: '#c' }];
    expect(of({ resourceType: 'ServiceRequest', performer }, 'performer')).toEqual([
      { param: 'performer', value: 'Organization/o' },
      { param: 'performer', value: 'https://x.example/fhir/Practitioner/p' },
      { param: 'performer:identifier', value: 'RXV', system: 'https://fhir.nhs.uk/Id/ods-organization-code' },
    ]);
  });

  it('holds a subject once, whatever aliases it has', () => {
    expect(indexEntries({ resourceType: 'Task', for: { reference: 'Patient/p' } })).toEqual([{ param: 'subject', value: 'Patient/p' }]);
    expect(searchParametersOf('Task').get('patient')?.aliasOf).toBe('subject');
    expect(searchParametersOf('Consent').get('patient')?.aliasOf).toBeUndefined();
  });

  it('holds a text folded, and as it came where that differs', () => {
    expect(of({ resourceType: 'Patient', name: [{ family: 'Ó  Briain', given: ['zoë', 'ann'] }] }, 'name')).toEqual([
      { param: 'name', value: 'o briain', system: 'Ó  Briain' },
      { param: 'name', value: 'zoe', system: 'zoë' },
      { param: 'name', value: 'ann' },
    ]);
  });

  it('holds a date as the interval it covers', () => {
    expect(of({ resourceType: 'Patient', birthDate: '2011-05' }, 'birthdate')).toEqual([
      { param: 'birthdate', value: '2011-05-01T00:00:00.000Z', low: at('2011-05-01T00:00:00Z'), high: at('2011-06-01T00:00:00Z') },
    ]);
    expect(of({ resourceType: 'Encounter', period: { start: '2026-03-01T10:00:00+01:00' } }, 'date')).toEqual([
      { param: 'date', value: '2026-03-01T09:00:00.000Z', low: at('2026-03-01T09:00:00Z') },
    ]);
    expect(of({ resourceType: 'Encounter', period: { end: '2026' } }, 'date')[0]).toMatchObject({ value: '0001-01-01T00:00:00.000Z', high: at('2027-01-01T00:00:00Z') });
    const timing = { event: ['2026-01-05', '2026-01-01'], repeat: { boundsPeriod: { end: '2026-02-01' } } };
    expect(official({ resourceType: 'ServiceRequest', occurrenceTiming: timing }, 'occurrence')[0]).toMatchObject({ high: at('2026-02-02T00:00:00Z') });
  });

  it('holds a quantity with its unit and the bounds its digits imply', () => {
    const valueQuantity = { value: 5.4, system: 'http://unitsofmeasure.org', code: 'mg' };
    expect(official({ resourceType: 'Observation', valueQuantity }, 'value-quantity')).toEqual([{ param: 'value-quantity', value: '5.4', system: 'http://unitsofmeasure.org|mg', low: 5.35, high: 5.45 }]);
  });

  it('holds the same value once', () => {
    expect(of({ resourceType: 'Patient', name: [{ text: 'Ann' }, { given: ['Ann', 'ann'] }] }, 'name')).toEqual([
      { param: 'name', value: 'ann', system: 'Ann' },
      { param: 'name', value: 'ann' },
    ]);
  });

  it('tells nothing of where a restricted person is', () => {
    const person = { resourceType: 'Patient', telecom: [{ system: 'phone', value: '0161' }], address: [{ city: 'Bury' }], identifier: [{ value: '1' }] };
    const codes = ['address', 'address-city', 'telecom', 'phone', 'identifier'];
    const params = (resource: typeof person) => entriesFor(resource, codes).map(({ param }) => param);
    expect(params(person)).toEqual(codes);
    const security = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }];
    expect(params({ ...person, meta: { security } } as typeof person)).toEqual(['identifier']);
  });

  it('is empty for what is not stored here', () => {
    expect(indexEntries({ resourceType: 'Bundle', identifier: { value: 'x' } })).toEqual([]);
  });

  it('takes only official parameters, and no alias besides its base', () => {
    for (const type of OWNED_TYPES) for (const parameter of searchParametersOf(type).values()) if (parameter.aliasOf !== undefined) expect(indexedParametersOf(type).has(parameter.code)).toBe(false);
  });
});
