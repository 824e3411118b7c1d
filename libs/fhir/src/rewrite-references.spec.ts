import { rewriteReferences } from './rewrite-references.js';
import { referencesOf } from './walk-references.js';

describe('a resource with other references', () => {
  const resource = {
    resourceType: 'ServiceRequest',
    contained: [{ resourceType: 'PractitionerRole', id: 'a', practitioner: { reference: 'Practitioner/d' } }],
    subject: { reference: 'urn:uuid:1', display: 'urn:uuid:1' },
    performer: [{ reference: 'Organization/o' }, { reference: 'urn:uuid:1' }],
    extension: [{ url: 'urn:uuid:1', valueReference: { reference: '#a' } }],
    note: [{ text: 'urn:uuid:1' }],
  };
  const renamed = (found: Record<string, string>) => rewriteReferences(resource, (reference) => found[reference]);

  it('differs in its references and in nothing else', () => {
    expect(renamed({ 'urn:uuid:1': 'Patient/1', 'Practitioner/d': 'Practitioner/e' })).toEqual({
      ...resource,
      contained: [{ resourceType: 'PractitionerRole', id: 'a', practitioner: { reference: 'Practitioner/e' } }],
      subject: { reference: 'Patient/1', display: 'urn:uuid:1' },
      performer: [{ reference: 'Organization/o' }, { reference: 'Patient/1' }],
    });
  });

  it('leaves the original as it was, and is the original where nothing changed', () => {
    const before = structuredClone(resource);
    renamed({ 'urn:uuid:1': 'Patient/1' });
    expect(resource).toEqual(before);
    expect(renamed({})).toBe(resource);
  });

  it('is asked for each place', () => {
    const places: string[] = [];
    rewriteReferences(resource, (_reference, at) => void places.push(at));
    expect(places).toEqual(referencesOf(resource).map(({ at }) => at));
  });
});
