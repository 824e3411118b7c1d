import fc from 'fast-check';
import { referencesOf, validate, type Resource } from '@baton/fhir';
import { newId } from '@baton/kernel';
import { mapReferral, type Known, type Mapped } from './message.mapping.js';
import { readMessage, type Message } from './message.js';
import { changed, referralRequest, type Change } from './spec/example-messages.js';

const NOTHING: Known = { matched: new Map(), seen: new Set() };
const RECEIVER = 'urn:uuid:d5ffd0cd-ec7e-48a1-84f1-91f4c0eb8fc5';

const read = (changes: readonly Change[] = []): Message => readMessage(referralRequest(changes), { requestId: newId(), correlationId: newId() });
const resourcesOf = (mapped: Mapped, type: string): Resource[] => mapped.entries.map(({ resource }) => resource).filter(({ resourceType }) => resourceType === type);
const requestOf = (mapped: Mapped): Resource & { contained?: Resource[]; supportingInfo?: { reference: string }[] } => mapped.entries[0]!.resource;
const add = (resource: object, fullUrl = `urn:uuid:${newId()}`): Change => ({ op: 'add', path: '/entry/-', value: { fullUrl, resource } });
const PATIENT = { reference: 'urn:uuid:9589fb37-87a2-48d8-968f-b371429208a8' };

/** Entries that the outcome accounts for: kept as a resource, kept inside one, known here, read with the header, or named. */
function accounted(message: Message, known: Known, mapped: Mapped): Set<number> {
  const places = new Set<number>([0]);
  for (const { entry } of mapped.entries) places.add(entry.place);
  for (const entry of message.entries.all) {
    const inside = mapped.entries.some(({ resource }) => ((resource['contained'] ?? []) as Resource[]).some(({ id }) => id === `${entry.resource.resourceType}-${entry.place}`));
    const byHeader = referencesOf(message.header.resource).some(({ reference }) => reference === entry.fullUrl);
    if (inside || byHeader || known.matched.has(entry.fullUrl)) places.add(entry.place);
  }
  for (const { at } of mapped.named) places.add(Number(/entry\[(\d+)\]/.exec(at?.[0] ?? '')?.[1]));
  return places;
}

describe('a referral message as resources of our own', () => {
  it('comes out valid, whatever is kept inside', () => {
    for (const { resource } of mapReferral(read(), NOTHING).entries) expect({ type: resource.resourceType, faults: validate(resource) }).toEqual({ type: resource.resourceType, faults: [] });
  });

  it('loses no entry in silence, whichever of them come', () => {
    const optional = [2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18];
    fc.assert(
      fc.property(fc.subarray(optional), fc.boolean(), (left, receiverIsKnown) => {
        const gone = optional.filter((place) => !left.includes(place)).reverse();
        const message = read(gone.map((place) => ({ op: 'remove', path: `/entry/${place}` })));
        const known: Known = receiverIsKnown ? { ...NOTHING, matched: new Map([[RECEIVER, 'Organization/adult-crisis']]) } : NOTHING;
        const mapped = mapReferral(message, known);
        expect([...accounted(message, known, mapped)].sort((a, b) => a - b)).toEqual(message.entries.all.map(({ place }) => place));
      }),
      { numRuns: 200 },
    );
  });

  it('leads nowhere but to entries that are kept, to what is inside, and to what is known here', () => {
    const mapped = mapReferral(read(), NOTHING);
    const own = new Set(mapped.entries.map(({ entry }) => entry.fullUrl));
    for (const { resource } of mapped.entries) {
      const inside = new Set(((resource['contained'] ?? []) as Resource[]).map(({ id }) => `#${id}`));
      for (const { reference, at } of referencesOf(resource)) expect({ at, known: own.has(reference) || inside.has(reference) }).toEqual({ at, known: true });
    }
  });

  it('refers to an organisation that is known here instead of keeping another', () => {
    const gp = 'urn:uuid:c8c21609-cb27-4958-8eb2-37c76f3def85';
    const [patient] = resourcesOf(mapReferral(read(), { ...NOTHING, matched: new Map([[gp, 'Organization/gp']]) }), 'Patient');
    expect(patient!['generalPractitioner']).toEqual([{ reference: 'Organization/gp' }]);
    expect(patient!['contained']).toBeUndefined();
  });

  it('keeps a Flag about the young person as an alert that the referral names, and one about a place inside the request', () => {
    const flag = { resourceType: 'Flag', status: 'active', code: { text: 'Do not ring' }, subject: PATIENT };
    const mapped = mapReferral(read([add(flag, 'urn:uuid:00000000-0000-4000-8000-0000000000f1')]), NOTHING);
    expect(resourcesOf(mapped, 'Flag')).toMatchObject([{ code: { text: 'Do not ring' } }]);
    const { supportingInfo, contained } = requestOf(mapped);
    expect(supportingInfo!.map(({ reference }) => reference)).toEqual(expect.arrayContaining(['urn:uuid:00000000-0000-4000-8000-0000000000f1', '#Flag-17']));
    expect(contained!.find(({ id }) => id === 'Flag-17')!['subject']).toEqual({ reference: '#Location-13' });
  });

  it('keeps what Baton has no place for inside the request, with what it leads to', () => {
    const organization = 'urn:uuid:00000000-0000-4000-8000-0000000000f2';
    const mapped = mapReferral(
      read([add({ resourceType: 'AllergyIntolerance', patient: PATIENT, recorder: { reference: 'urn:uuid:00000000-0000-4000-8000-0000000000f3' } }), add({ resourceType: 'Organization', name: 'A practice' }, organization), add({ resourceType: 'PractitionerRole', organization: { reference: organization } }, 'urn:uuid:00000000-0000-4000-8000-0000000000f3')]),
      NOTHING,
    );
    const { contained } = requestOf(mapped);
    expect(contained!.map(({ id }) => id)).toEqual(expect.arrayContaining(['AllergyIntolerance-19', 'PractitionerRole-21', 'Organization-20']));
    expect(contained!.find(({ id }) => id === 'AllergyIntolerance-19')).toMatchObject({ patient: PATIENT, recorder: { reference: '#PractitionerRole-21' } });
    expect(mapped.named.map(({ rule, at }) => `${rule} ${at![0]}`)).toContain('kept-inside Bundle.entry[19].resource');
  });

  it('takes the insides of an entry along when it is put inside another', () => {
    const withInsides = { resourceType: 'Flag', status: 'active', code: { text: 'Dog' }, subject: { reference: '#here' }, contained: [{ resourceType: 'Location', id: 'here', name: 'Yard' }] };
    const { contained } = requestOf(mapReferral(read([add(withInsides)]), NOTHING));
    expect(contained!.find(({ id }) => id === 'Flag-19')).toMatchObject({ subject: { reference: '#Flag-19.here' } });
    expect(contained!.find(({ id }) => id === 'Flag-19.here')).toMatchObject({ name: 'Yard' });
    expect(contained!.every((each) => each['contained'] === undefined)).toBe(true);
  });

  it('reads a reference that is the bare UUID or Type/id of its entry, and says so', () => {
    const encounter = '8c63d621-4d86-4f57-8699-e8e22d49935d';
    for (const reference of [encounter, `Encounter/${encounter}`]) {
      const mapped = mapReferral(read([{ op: 'replace', path: '/entry/1/resource/encounter/reference', value: reference }]), NOTHING);
      expect(requestOf(mapped)['encounter']).toEqual({ reference: `urn:uuid:${encounter}` });
      expect(mapped.named.map(({ rule }) => rule)).toContain('reference-not-a-full-url');
    }
  });

  it('keeps a reference that leads out of the message if the sender sees where it leads, else as an identifier', () => {
    const journey = 'EpisodeOfCare/d877b820-e72b-44d1-a627-195f54bfc606';
    const [kept] = resourcesOf(mapReferral(read(), { ...NOTHING, seen: new Set([journey]) }), 'Encounter');
    expect(kept!['episodeOfCare']).toEqual([{ reference: journey }]);
    const [named] = resourcesOf(mapReferral(read(), NOTHING), 'Encounter');
    expect(named!['episodeOfCare']).toEqual([{ type: 'EpisodeOfCare', identifier: { value: journey } }]);
  });

  it('changes nothing in the message itself', () => {
    const bundle = referralRequest();
    const before = JSON.stringify(bundle);
    mapReferral(readMessage(bundle, { requestId: newId(), correlationId: newId() }), NOTHING);
    expect(JSON.stringify(bundle)).toBe(before);
    expect(changed(bundle, [], bundle.id)).toEqual(bundle);
  });
});
