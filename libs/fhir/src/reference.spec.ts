import fc from 'fast-check';
import { formatReference, idOf, parseReference, type ParsedReference } from './reference.js';
import { referencesOf } from './walk-references.js';

const BASE = 'https://baton.example/fhir/R4';
const type = fc.constantFrom('Patient', 'ServiceRequest', 'PractitionerRole');
const id = fc.stringMatching(/^[A-Za-z0-9\-.]{1,64}$/);
const reference: fc.Arbitrary<ParsedReference> = fc.oneof(
  fc.record({ kind: fc.constant('local' as const), type, id }),
  fc.record({ kind: fc.constant('local' as const), type, id, version: fc.integer({ min: 1 }).map(String) }),
  fc.record({ kind: fc.constant('urn' as const), urn: fc.uuid().map((uuid) => `urn:uuid:${uuid}`) }),
  fc.record({ kind: fc.constant('contained' as const), id }),
  fc.record({ kind: fc.constant('conditional' as const), type, query: id.map((value) => `identifier=https://x.example/a|${value}`) }),
);

describe('a literal reference', () => {
  it('survives being written and read again', () => {
    fc.assert(fc.property(reference, (parsed) => expect(parseReference(formatReference(parsed), BASE)).toEqual(parsed)));
  });

  it('under our own base is the same as its relative form', () => {
    fc.assert(
      fc.property(type, id, (t, i) => {
        expect(parseReference(`${BASE}/${t}/${i}`, BASE)).toEqual(parseReference(`${t}/${i}`));
      }),
    );
  });

  it("to somebody else's server keeps its URL and names type and id", () => {
    expect(parseReference('https://other.example/r4/Patient/p1', BASE)).toEqual({ kind: 'absolute', url: 'https://other.example/r4/Patient/p1', type: 'Patient', id: 'p1' });
  });

  it.each(['Patient', 'patient/p1', 'Patient/', 'Patient/a b', 'Patient/p1/extra', '../Patient/p1', 'urn:uuid:nonsense', '#a b', 'https://', `Patient/${'x'.repeat(65)}`, ''])('%j is none', (text) => {
    expect(parseReference(text, BASE)).toBeUndefined();
  });

  it('names an id only for the type asked for', () => {
    expect(idOf('Patient/p1', 'Patient')).toBe('p1');
    expect(idOf('Patient/p1', 'Group')).toBeUndefined();
    expect(idOf(undefined, 'Patient')).toBeUndefined();
  });
});

describe('references of a resource', () => {
  const resource = () => ({
    resourceType: 'Consent',
    contained: [{ resourceType: 'PractitionerRole', id: 'a', practitioner: { reference: 'Practitioner/d' } }],
    patient: { reference: 'Patient/p' },
    provision: { actor: [{ reference: { reference: 'Organization/o' } }] },
    extension: [{ url: 'x', valueReference: { reference: '#a' } }],
  });

  it('are found wherever they stand, with their place', () => {
    expect(referencesOf(resource()).map(({ at, reference: text, contained }) => [at, text, contained])).toEqual([
      ['Consent.contained[0].practitioner.reference', 'Practitioner/d', true],
      ['Consent.patient.reference', 'Patient/p', false],
      ['Consent.provision.actor[0].reference.reference', 'Organization/o', false],
      ['Consent.extension[0].valueReference.reference', '#a', false],
    ]);
  });

  it('can be replaced in place', () => {
    const changed = resource();
    for (const found of referencesOf(changed)) if (found.reference === 'Patient/p') found.replace('Patient/q');
    expect(changed.patient.reference).toBe('Patient/q');
  });
});
