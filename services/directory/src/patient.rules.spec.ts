import { EXTENSIONS, IDENTIFIERS, NHS_NUMBER_STATUS } from '@baton/contracts';
import { alone, create, update } from '@baton/fhir-store';
import { nhsNumber } from '@baton/testing';
import { directoryService } from './directory.module.js';
import { personOf } from './person.store.js';
import { callerOf, openDirectory, rulesAgainst, type TestDirectory } from './spec/directory-database.js';

let directory: TestDirectory;
beforeAll(async () => {
  directory = await openDirectory();
});
afterAll(() => directory.close());
beforeEach(() => void directory.relinked.splice(0));

let used = 100;
const unused = (): string => nhsNumber(used++);

const patient = (number: string, { status = '01', birthDate = '2010-05-17', ...more }: { status?: string | null; birthDate?: string; [element: string]: unknown } = {}) => ({
  resourceType: 'Patient',
  birthDate,
  identifier: [
    {
      system: IDENTIFIERS.nhsNumber,
      value: number,
      ...(status === null ? {} : { extension: [{ url: EXTENSIONS.nhsNumberVerification, valueCodeableConcept: { coding: [{ system: NHS_NUMBER_STATUS.system, code: status }] } }] }),
    },
  ],
  ...more,
});

const record = async (partner: string, resource: object): Promise<{ id: string; person: string }> => {
  const { id } = await directory.create(partner, resource);
  return { id, person: await person(id) };
};
const person = async (id: string): Promise<string> => (await personOf(directory.db, id))!;
const reviews = (id: string): Promise<{ pair: string[]; reason: string }[]> =>
  directory.test.admin(`SELECT ARRAY[patient, other] AS pair, reason FROM directory.link_review WHERE $1 IN (patient, other) ORDER BY patient, other`, [id]);
const events = (id: string): Promise<{ type: string; version: number; data: object }[]> => directory.test.admin(`SELECT type, version, data FROM directory.outbox WHERE key = $1 ORDER BY seq`, [id]);

describe('a Patient', () => {
  it('is recorded for its owner with a person and an event that names neither number nor birth date', async () => {
    const number = unused();
    const { id } = await record('liaison', patient(number));
    const [event, ...more] = await events(id);
    expect(more).toEqual([]);
    expect(event).toEqual({ type: 'baton.directory.patient-recorded.v1', version: 1, data: { resource: `Patient/${id}`, patient: id, owner: 'liaison', dataref: `Patient/${id}/_history/1` } });
    expect(JSON.stringify(await directory.test.admin(`SELECT * FROM directory.person_link WHERE patient = $1`, [id]))).not.toContain(number);
  });

  it('with an NHS number that fails modulus 11 is refused, and leaves nothing', async () => {
    const before = await directory.test.admin(`SELECT count(*) FROM directory.person_link`);
    expect(await rulesAgainst(directory.create('liaison', patient('9990000000')))).toEqual({ kind: 'rule-broken', rules: ['nhs-number-invalid'] });
    expect(await directory.test.admin(`SELECT count(*) FROM directory.person_link`)).toEqual(before);
  });

  it('from a message keeps such a number, and is a person of its own', async () => {
    const { service, db } = directory;
    const kept = () => alone(db, 'directory', callerOf('liaison'), (tx) => create(service.patientFromMessage, tx, callerOf('liaison'), { resource: patient('9990000000') }));
    const [one, other] = [await kept(), await kept()];
    expect(await person(one.id)).not.toBe(await person(other.id));
    expect(await reviews(one.id)).toEqual([]);
  });

  it('that says who it is as before keeps its person and its reviews', async () => {
    const number = unused();
    const { id, person: before } = await record('liaison', patient(number));
    await directory.update('liaison', id, { ...patient(number), gender: 'female' });
    expect(await person(id)).toBe(before);
    expect((await events(id)).map(({ version }) => version)).toEqual([1, 2]);
  });

  it('once deleted stays the person it was', async () => {
    const { id, person: before } = await record('liaison', patient(unused()));
    await directory.remove('liaison', 'Patient', id);
    expect(await person(id)).toBe(before);
    expect((await events(id)).at(-1)).toMatchObject({ version: 2, data: { status: 'deleted' } });
  });

  it('is changed by its owner alone', async () => {
    const number = unused();
    const { id } = await record('liaison', patient(number));
    expect(await rulesAgainst(directory.update('safe-zones', id, patient(number)))).toMatchObject({ kind: 'unknown' });
    await directory.test.admin(`INSERT INTO consent.access (patient, owner, recipient, item) VALUES ($1, 'liaison', 'safe-zones', 'Patient/' || $1)`, [id]);
    expect(await rulesAgainst(directory.update('safe-zones', id, patient(number)))).toMatchObject({ kind: 'forbidden' });
  });
});

describe('Patients of several partners', () => {
  it('are one person when number, verification and birth date agree', async () => {
    const number = unused();
    const one = await record('liaison', patient(number));
    const other = await record('community-camhs', patient(number));
    expect(other.person).toBe(one.person);
    expect(await reviews(other.id)).toEqual([]);
  });

  it.each([
    ['not-verified', { status: '03' }],
    ['not-verified', { status: null }],
    ['birth-date-differs', { birthDate: '2010-05-18' }],
    ['not-verified', { birthDate: '2010-05' }],
  ])('are two persons and a pair to review (%s) when the second says %j', async (reason, more) => {
    const number = unused();
    const one = await record('liaison', patient(number));
    const other = await record('safe-zones', patient(number, more));
    expect(other.person).not.toBe(one.person);
    expect(await reviews(other.id)).toEqual([{ pair: [one.id, other.id].sort(), reason }]);
  });

  it('an unverified number counts where a pathway in force trusts the partner to trace', async () => {
    await directory.test.admin(`INSERT INTO directory.pathway (pathway, version, in_force_from, in_force_until, digest, definition) VALUES ('p', '1', '2020-01-01', '2021-01-01', '', '{}'), ('p', '2', '2021-01-01', NULL, '', '{}')`);
    await directory.test.admin(`INSERT INTO directory.pathway_partner VALUES ('p', '1', 'was-trusted', true), ('p', '2', 'was-trusted', false), ('p', '2', 'trusted', true)`);
    const number = unused();
    const one = await record('liaison', patient(number));
    expect((await record('trusted', patient(number, { status: null }))).person).toBe(one.person);
    expect((await record('was-trusted', patient(number, { status: null }))).person).not.toBe(one.person);
  });

  it('recorded at the same moment are one person, or one pair to review', async () => {
    for (let round = 0; round < 5; round++) {
      const number = unused();
      const verified = await Promise.all(['a', 'b', 'c', 'd'].map((partner) => record(partner, patient(number))));
      expect(new Set(verified.map((each) => each.person)).size).toBe(1);
      const doubted = unused();
      const [one] = await Promise.all(['a', 'b'].map((partner) => record(partner, patient(doubted, { status: '02' }))));
      expect(await reviews(one!.id)).toHaveLength(1);
    }
  });

  it('one number sent over and over does not make a list of all pairs', async () => {
    const number = unused();
    let last = '';
    for (let i = 0; i < 24; i++) last = (await record('liaison', patient(number, { status: '03' }))).id;
    expect((await reviews(last)).length).toBe(20);
  });
});

describe('a Patient that says anew who it is', () => {
  it('joins the person whom its number finds once it is verified, and consent settles it in the same transaction', async () => {
    const number = unused();
    const known = await record('liaison', patient(number));
    const { id, person: own } = await record('safe-zones', patient(number, { status: '03' }));
    await directory.update('safe-zones', id, patient(number));
    expect(await person(id)).toBe(known.person);
    expect(directory.relinked).toEqual([{ patient: id, from: own, to: known.person }]);
    expect(await reviews(id)).toEqual([]);
  });

  it('keeps its own person when it is the first to be verified, and is found by it from then on', async () => {
    const number = unused();
    const { id, person: own } = await record('safe-zones', patient(number, { status: '03' }));
    await directory.update('safe-zones', id, patient(number));
    expect(await person(id)).toBe(own);
    expect((await record('liaison', patient(number))).person).toBe(own);
    expect(directory.relinked).toEqual([]);
  });

  it('leaves the person when its number turns out not to be its own, and the pair is looked at', async () => {
    const number = unused();
    const known = await record('liaison', patient(number));
    const { id } = await record('safe-zones', patient(number));
    await directory.update('safe-zones', id, patient(number, { status: '04' }));
    const now = await person(id);
    expect(now).not.toBe(known.person);
    expect(directory.relinked).toEqual([{ patient: id, from: known.person, to: now }]);
    expect(await reviews(id)).toHaveLength(1);
  });

  it('changes to the person of another number, by PATCH as by PUT', async () => {
    const [mistaken, right] = [unused(), unused()];
    await record('liaison', patient(mistaken));
    const known = await record('liaison', patient(right));
    const { id } = await record('safe-zones', patient(mistaken));
    await directory.patch('safe-zones', 'Patient', id, [{ op: 'replace', path: '/identifier/0/value', value: right }]);
    expect(await person(id)).toBe(known.person);
    expect(directory.relinked).toHaveLength(1);
  });

  it('is refused where consent could not be told', async () => {
    const number = unused();
    await record('liaison', patient(number));
    const { id, person: own } = await record('safe-zones', patient(number, { status: '03' }));
    const alonely = directoryService();
    await alonely.equip({ home: directory.home, egress: { allow: [], httpsOnly: true } });
    const attempt = alone(directory.db, 'directory', callerOf('safe-zones'), (tx) => update(alonely.types[0]!, tx, callerOf('safe-zones'), { id, resource: patient(number) }));
    expect(await rulesAgainst(attempt)).toEqual({ kind: 'unavailable', rules: ['person-changes-elsewhere'] });
    expect(await person(id)).toBe(own);
  });
});
