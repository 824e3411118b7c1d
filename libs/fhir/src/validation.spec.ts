import { readdirSync, readFileSync } from 'node:fs';
import { Refused } from '@baton/kernel';
import { STRUCTURES } from './generated/structures.js';
import { EXCHANGED_TYPES, OWNED_TYPES } from './types.js';
import { structureOf } from './structure.js';
import { validate, validateOrRefuse } from './validation.js';

const examples = new URL('../../../contracts/examples/fhir-r4/', import.meta.url);
const files = readdirSync(examples).filter((name) => name.endsWith('.json'));
const read = (name: string) => JSON.parse(readFileSync(new URL(name, examples), 'utf8')) as Record<string, unknown>;
const referral = (more: object = {}) => ({ resourceType: 'ServiceRequest', status: 'active', intent: 'order', subject: { reference: 'Patient/1' }, ...more });
const found = (resource: unknown) => validate(resource).map(({ rule, at }) => `${rule} ${at?.[0]}`);

describe('structures', () => {
  it('are there for every type Baton stores, reads or emits, and lead to nothing unknown', () => {
    for (const type of [...OWNED_TYPES, ...EXCHANGED_TYPES]) expect(structureOf(type)?.isResource).toBe(true);
    const led = Object.keys(STRUCTURES).flatMap((type) => [...structureOf(type)!.properties.values()]);
    const lost = led.filter(({ type, primitive }) => !primitive && type !== 'Resource' && !structureOf(type)).map(({ type }) => type);
    expect(lost).toEqual([]);
  });
});

describe('validate', () => {
  it.each(files)('finds nothing in the official example %s', (name) => {
    expect(validate(read(name))).toEqual([]);
  });

  it.each(files)('finds every required element that is taken out of %s', (name) => {
    const resource = read(name);
    const structure = structureOf(resource['resourceType'] as string)!;
    for (const { element } of structure.required) {
      const { [element]: _, [`_${element}`]: __, ...without } = resource;
      if (structure.elements.get(element)?.length === 1) expect(found(without)).toContain(`required-element ${structure.type}.${element}`);
    }
  });

  it.each(files)('finds an unknown element wherever it is put into %s', (name) => {
    const resource = read(name);
    const places = (value: unknown): Record<string, unknown>[] =>
      typeof value !== 'object' || value === null ? [] : [...(Array.isArray(value) ? [] : [value as Record<string, unknown>]), ...Object.entries(value).flatMap(([key, child]) => (key === 'contained' ? [] : places(child)))];
    for (const place of places(resource)) {
      place['surplus'] = 'x';
      expect(validate(resource).map(({ rule }) => rule)).toEqual(['unknown-element']);
      delete place['surplus'];
    }
  });

  it('names everything at once, with its place', () => {
    const resource = {
      resourceType: 'ServiceRequest',
      status: 'open',
      subject: [{ reference: 'Patient/1' }],
      reasonCode: [{ coding: [{ code: 'a' }, { system: 'not a uri', cod: 'b' }] }],
      authoredOn: '2026-02-30',
      occurrenceDateTime: '2026-01-01',
      occurrencePeriod: { start: '2026' },
      note: [],
      doNotPerform: 'true',
    };
    expect(found(resource).sort()).toEqual([
      'code-not-in-value-set ServiceRequest.status',
      'empty-element ServiceRequest.note',
      'one-choice-only ServiceRequest.occurrencePeriod',
      'required-element ServiceRequest.intent',
      'too-many ServiceRequest.subject',
      'unknown-element ServiceRequest.reasonCode[0].coding[1].cod',
      'wrong-form ServiceRequest.authoredOn',
      'wrong-form ServiceRequest.reasonCode[0].coding[1].system',
      'wrong-type ServiceRequest.doNotPerform',
    ]);
  });

  it('accepts extensions of primitives, in place of the value and beside it', () => {
    const extension = [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }];
    expect(found(referral({ _status: { extension }, authoredOn: '2026', _authoredOn: { id: 'a' } }))).toEqual([]);
    const { status: _, ...bare } = referral();
    expect(found({ ...bare, _status: { extension } })).toEqual([]);
    expect(found({ resourceType: 'Patient', name: [{ given: ['A', null], _given: [null, { extension }] }] })).toEqual([]);
    expect(found({ resourceType: 'Patient', name: [{ given: ['A', null] }] })).toEqual(['wrong-type Patient.name[0].given[1]']);
    expect(found({ resourceType: 'Patient', _name: { extension } })).toEqual(['unknown-element Patient._name']);
    expect(found({ resourceType: 'Patient', deceasedBoolean: false, _deceasedBoolean: { extension } })).toEqual([]);
  });

  it.each([
    [{ id: 'a b' }, 'wrong-form ServiceRequest.id'],
    [{ authoredOn: '2026-01-01T10:00:00' }, 'wrong-form ServiceRequest.authoredOn'],
    [{ authoredOn: 20260101 }, 'wrong-type ServiceRequest.authoredOn'],
    [{ meta: { lastUpdated: '2026-01-01' } }, 'wrong-form ServiceRequest.meta.lastUpdated'],
    [{ patientInstruction: '' }, 'wrong-form ServiceRequest.patientInstruction'],
    [{ patientInstruction: 'a\u0000b' }, 'wrong-form ServiceRequest.patientInstruction'],
    [{ quantityQuantity: { value: '5' } }, 'wrong-type ServiceRequest.quantityQuantity.value'],
    [{ code: {} }, 'empty-element ServiceRequest.code'],
    [{ code: null }, 'wrong-type ServiceRequest.code'],
    [{ priority: 'ASAP' }, 'code-not-in-value-set ServiceRequest.priority'],
    [{ priority: { code: 'asap' } }, 'wrong-type ServiceRequest.priority'],
    [{ contained: [{ id: 'x' }] }, 'required-element ServiceRequest.contained[0]'],
    [{ contained: ['Patient'] }, 'wrong-type ServiceRequest.contained[0]'],
    [{ extension: [{ url: 'urn:a', valueString: 'a', valueBoolean: true }] }, 'one-choice-only ServiceRequest.extension[0].valueBoolean'],
    [{ 'Jo Secret': 1 }, 'unknown-element ServiceRequest'],
  ])('says of %j: %s', (more, expected) => {
    expect(found(referral(more))).toEqual([expected]);
  });

  it('looks no further into contained resources than their type and narrative', () => {
    expect(found(referral({ contained: [{ resourceType: 'Patient', whatever: 1 }] }))).toEqual([]);
    const text = { status: 'generated', div: '<div><script>x</script></div>' };
    expect(found(referral({ contained: [{ resourceType: 'Patient', text }] }))).toEqual(['unsafe-narrative ServiceRequest.contained[0]']);
  });

  it('refuses another type than the place expects', () => {
    expect(validate(referral(), 'Patient').map(({ rule }) => rule)).toEqual(['wrong-resource-type']);
  });

  it('never repeats a value', () => {
    const texts = JSON.stringify(validate(referral({ status: 'Secret', authoredOn: 'Secret', 'Jo Secret': 1, code: 'Secret', priority: 'Secret' })));
    expect(texts).not.toContain('Secret');
  });

  it('stops listing at a hundred', () => {
    expect(validate(referral({ note: Array.from({ length: 1000 }, () => ({})) }))).toHaveLength(100);
  });

  it('keeps to the place it was given', () => {
    expect(validate({ resourceType: 'Flag' }, 'Flag', 'Bundle.entry[2].resource').map(({ at }) => at?.[0])).toEqual(['status', 'code', 'subject'].map((element) => `Bundle.entry[2].resource.${element}`));
  });

  it.each([null, [], 'Patient', { id: '1' }])('%j is no resource', (value) => expect(found(value)).toEqual(['not-a-resource $']));

  it.each(['Medication', 'HumanName', 'Encounter.participant', '__proto__', 'toString'])('%s is no type Baton knows', (resourceType) => {
    expect(found({ resourceType })).toEqual(['unknown-resource-type resourceType']);
  });

  it('refuses another type than the one expected, and looks no further', () => {
    expect(validate(referral({ surplus: 1 }), 'Task')).toEqual([expect.objectContaining({ rule: 'wrong-resource-type', at: ['Task.resourceType'] })]);
  });

  it('is not misled by names every object inherits', () => {
    for (const name of ['toString', 'constructor', 'hasOwnProperty', '_toString']) expect(found(referral({ [name]: 1 }))).toEqual([`unknown-element ServiceRequest.${name}`]);
  });
});

describe('validateOrRefuse', () => {
  it('hands back the very resource', () => {
    const resource = referral();
    expect(validateOrRefuse(resource, 'ServiceRequest')).toBe(resource);
  });

  it('refuses as malformed, with every violation', () => {
    const refused = (): unknown => validateOrRefuse(referral({ status: 'x', surplus: 1 }), 'ServiceRequest');
    expect(refused).toThrow(Refused);
    expect(refused).toThrow(expect.objectContaining({ kind: 'malformed', violations: [expect.anything(), expect.anything()] }));
  });
});
