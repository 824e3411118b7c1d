import { openDirectory, rulesAgainst, type TestDirectory } from './spec/directory-database.js';
import { PATHWAY_TYPES } from './pathway-publishing.js';

let directory: TestDirectory;
beforeAll(async () => {
  directory = await openDirectory();
});
afterAll(() => directory.close());

const carer = (patient?: string) => ({ resourceType: 'RelatedPerson', ...(patient === undefined ? {} : { patient: { reference: patient } }) });

describe('RelatedPerson', () => {
  it('is about a Patient whom the caller sees: hidden and missing are refused alike', async () => {
    const { id } = await directory.create('liaison', { resourceType: 'Patient' });
    await expect(directory.create('liaison', carer(`Patient/${id}`))).resolves.toMatchObject({ outcome: 'created' });
    const hidden = await rulesAgainst(directory.create('safe-zones', carer(`Patient/${id}`)));
    expect(hidden).toEqual({ kind: 'rule-broken', rules: ['reference-unknown'] });
    expect(await rulesAgainst(directory.create('safe-zones', carer('Patient/never-was')))).toEqual(hidden);
  });

  it.each([undefined, 'https://elsewhere.example/Patient/1', '#p'])('names a Patient of this server, not %s', async (patient) => {
    expect(await rulesAgainst(directory.create('liaison', carer(patient)))).toEqual({ kind: 'rule-broken', rules: ['patient-required'] });
  });

  it('never moves to another young person', async () => {
    const [one, other] = [await directory.create('liaison', { resourceType: 'Patient' }), await directory.create('liaison', { resourceType: 'Patient' })];
    const { id } = await directory.create('liaison', carer(`Patient/${one.id}`));
    expect(await rulesAgainst(directory.update('liaison', id, carer(`Patient/${other.id}`)))).toEqual({ kind: 'rule-broken', rules: ['subject-never-changes'] });
  });
});

describe('an Endpoint', () => {
  const endpoint = (address: string, organization?: string) => ({
    resourceType: 'Endpoint', status: 'active', connectionType: { code: 'hl7-fhir-msg' }, payloadType: [{ text: 'messages' }], address,
    ...(organization === undefined ? {} : { managingOrganization: { reference: organization } }),
  });

  it('leads where Baton may connect to', async () => {
    await expect(directory.create('liaison', endpoint('https://partner.example/messages'))).resolves.toMatchObject({ outcome: 'created' });
    expect(await rulesAgainst(directory.create('liaison', endpoint('http://partner.example/messages')))).toEqual({ kind: 'rule-broken', rules: ['endpoint-not-https'] });
    expect(await rulesAgainst(directory.create('liaison', endpoint('https://169.254.169.254/latest')))).toEqual({ kind: 'rule-broken', rules: ['endpoint-address-not-public'] });
  });

  it("is never registered for somebody else's organisation", async () => {
    expect(await rulesAgainst(directory.create('liaison', endpoint('https://partner.example', 'Organization/safe-zones')))).toEqual({ kind: 'rule-broken', rules: ['endpoint-of-another'] });
  });
});

describe('what a pathway makes', () => {
  it.each(PATHWAY_TYPES)('%s is written by no partner', async (type) => {
    expect(await rulesAgainst(directory.create('liaison', { resourceType: type }))).toEqual({ kind: 'forbidden', rules: ['pathway-owned'] });
  });
});
