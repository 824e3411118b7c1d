import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathwayCanonical, recipientsOf, Pathway } from '@baton/contracts';
import { validate } from '@baton/fhir';
import { read } from '@baton/fhir-store';
import { EXAMPLE_PATHWAY } from './pathway-files.js';
import { loadPathways, PathwaysRefused } from './pathway-loader.js';
import { findPathway, listVersions } from './pathway.store.js';
import { callerOf, openDirectory, rulesAgainst, type TestDirectory } from './spec/directory-database.js';

const ADULT = EXAMPLE_PATHWAY.replace('greater-manchester', 'adult-example');
const SAFE_ZONES = 'gm-crisis-care.safe-zones';

let directory: TestDirectory;
let example: Pathway;
beforeAll(async () => {
  directory = await openDirectory();
  example = Pathway.parse(JSON.parse(await readFile(EXAMPLE_PATHWAY, 'utf8')));
});
beforeEach(async () => {
  await directory.test.admin(`TRUNCATE directory.resource, directory.history, directory.search, directory.pathway, directory.client CASCADE`);
  await rm(join(directory.home, 'pathways'), { recursive: true, force: true });
});
afterAll(() => directory.close());

const load = (path: string) => loadPathways(directory.db, directory.home, path);

/** A folder of pathway files, each changed from the example or given as text. */
async function folder(files: Record<string, ((pathway: Pathway) => void) | string>): Promise<string> {
  const path = join(directory.home, 'pathways');
  await mkdir(path, { recursive: true });
  for (const [name, change] of Object.entries(files)) {
    const copy = structuredClone(example);
    if (typeof change === 'function') change(copy);
    await writeFile(join(path, name), typeof change === 'string' ? change : JSON.stringify(copy));
  }
  return path;
}

const newVersion = (pathway: Pathway): void => {
  pathway.version = '2099.1';
  pathway.inForceFrom = '2026-01-01';
  pathway.partners = pathway.partners.filter(({ id }) => id !== '42nd-street');
};

async function refusedRules(attempt: Promise<unknown>): Promise<string[]> {
  const error: unknown = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PathwaysRefused)) throw error;
  return error.violations.map(({ rule }) => rule);
}

const versionOf = async (type: string, id: string): Promise<number | undefined> => (await read(directory.db, callerOf('anyone'), type, id))?.version;

describe('loading a pathway', () => {
  it('publishes it as valid resources that belong to Baton and every partner reads', async () => {
    const { written } = await load(EXAMPLE_PATHWAY);
    const rows = await directory.test.admin<{ type: string; owner: string; body: object }>(`SELECT type, owner, body FROM directory.resource`);
    expect(rows).toHaveLength(written);
    expect(new Set(rows.map(({ owner }) => owner))).toEqual(new Set(['baton']));
    expect(rows.flatMap(({ body }) => validate(body))).toEqual([]);
    const seen = await read(directory.db, callerOf('anyone'), 'HealthcareService', SAFE_ZONES);
    expect(JSON.parse(seen!.body)).toMatchObject({ name: 'Safe Zones', meta: { versionId: '1' } });
  });

  it('publishes recipients, provider first to be told apart, and the definition by service', async () => {
    await load(EXAMPLE_PATHWAY);
    const recipients = await directory.test.admin<{ partner: string; role: string }>(`SELECT partner, role FROM directory.recipient_v1 WHERE service = $1 ORDER BY role DESC, partner`, [SAFE_ZONES]);
    expect(recipients.map(({ partner }) => partner).sort()).toEqual(recipientsOf(example, 'safe-zones').sort());
    expect(recipients[0]).toEqual({ partner: 'safe-zones', role: 'provider' });
    const [row] = await directory.test.admin(`SELECT service_key, pathway, version, in_force_from, in_force_until, definition FROM directory.pathway_v1 WHERE service = $1`, [SAFE_ZONES]);
    expect(row).toEqual({ service_key: 'safe-zones', pathway: example.id, version: example.version, in_force_from: new Date('2025-03-31T23:00:00Z'), in_force_until: null, definition: JSON.parse(JSON.stringify(example)) });
  });

  it('again, or by several processes at once, changes nothing', async () => {
    const first = await Promise.all([load(EXAMPLE_PATHWAY), load(EXAMPLE_PATHWAY), load(EXAMPLE_PATHWAY)]);
    expect(first.map(({ written }) => written > 0).filter(Boolean)).toHaveLength(1);
    expect(await load(EXAMPLE_PATHWAY)).toMatchObject({ added: 0, written: 0 });
    expect(await directory.test.admin(`SELECT 1 FROM directory.history WHERE version > 1`)).toEqual([]);
  });

  it('gives every partner a client whose key lies under BATON_HOME', async () => {
    await load(EXAMPLE_PATHWAY);
    const clients = await directory.test.admin<{ client_id: string; organization: string }>(`SELECT client_id, organization FROM directory.client`);
    expect(clients.map(({ client_id }) => client_id).sort()).toEqual(example.partners.map(({ id }) => id).sort());
    expect(clients.find(({ client_id }) => client_id === 'safe-zones')!.organization).toBe('Organization/safe-zones');
    await expect(readFile(join(directory.home, 'partners', 'safe-zones.jwk.json'), 'utf8')).resolves.toContain('"d"');
  });

  it('takes several pathways side by side', async () => {
    const path = await folder({ 'one.json': () => undefined });
    await copyFile(ADULT, join(path, 'two.json'));
    const { present } = await load(path);
    expect(present.map(({ id }) => id)).toEqual(['adult-crisis-example', 'gm-crisis-care']);
  });
});

describe('a new version of a pathway', () => {
  it('takes over on its day, changes only what differs, and retires what is named no more', async () => {
    await load(EXAMPLE_PATHWAY);
    await load(await folder({ 'next.json': newVersion }));
    expect(await versionOf('Organization', 'liaison')).toBe(1);
    expect(await versionOf('PlanDefinition', example.id)).toBe(2);
    expect(await versionOf('HealthcareService', SAFE_ZONES)).toBe(2);
    expect(JSON.parse((await read(directory.db, callerOf('anyone'), 'Organization', '42nd-street'))!.body)).toMatchObject({ active: false, meta: { versionId: '2' } });
    expect((await listVersions(directory.db)).map(({ version, in_force, in_force_until }) => ({ version, in_force, in_force_until }))).toEqual([
      { version: '2099.1', in_force: true, in_force_until: null },
      { version: example.version, in_force: false, in_force_until: new Date('2026-01-01T00:00:00Z') },
    ]);
    const recipients = await directory.test.admin<{ partner: string }>(`SELECT partner FROM directory.recipient_v1 WHERE service = $1`, [SAFE_ZONES]);
    expect(recipients.map(({ partner }) => partner)).not.toContain('42nd-street');
    expect((await findPathway(directory.db, example.id, example.version))?.partners).toHaveLength(10);
  });

  it('that is still to come changes nothing yet', async () => {
    await load(EXAMPLE_PATHWAY);
    const path = await folder({ 'next.json': (pathway) => (newVersion(pathway), (pathway.inForceFrom = '2999-01-01')) });
    expect(await load(path)).toMatchObject({ added: 1, written: 0 });
    expect((await findPathway(directory.db, example.id))?.version).toBe(example.version);
  });
});

describe('a pathway that cannot be loaded is refused by name and leaves nothing', () => {
  it.each<[string, Record<string, ((pathway: Pathway) => void) | string>]>([
    ['partner-reserved', { 'a.json': (p) => (p.partners[9]!.id = 'baton') }],
    ['partner-reserved', { 'a.json': (p) => (p.partners[9]!.id = 'operator') }],
    ['pathway-version-twice', { 'a.json': () => undefined, 'b.json': () => undefined }],
    ['pathway-versions-same-day', { 'a.json': () => undefined, 'b.json': (p) => (p.version = '2') }],
    ['not-json', { 'a.json': '{' }],
    ['duplicate-key', { 'a.json': '{"id": "x", "id": "y"}' }],
    ['no-pathway-file', {}],
  ])('%s', async (rule, files) => {
    expect(await refusedRules(load(await folder(files)))).toContain(rule);
    expect(await directory.test.admin(`SELECT 1 FROM directory.resource UNION ALL SELECT 1 FROM directory.pathway UNION ALL SELECT 1 FROM directory.client`)).toEqual([]);
  });

  it('a version that was published never changes', async () => {
    await load(EXAMPLE_PATHWAY);
    expect(await refusedRules(load(await folder({ 'a.json': (p) => (p.services[6]!.phone = '01632960999') })))).toEqual(['pathway-version-changed']);
  });

  it('beside another pathway it must not describe partners and codes otherwise', async () => {
    const path = await folder({
      'a.json': () => undefined,
      'b.json': (p) => {
        p.id = 'another';
        p.partners[0]!.name = 'Another name';
        p.partners[6]!.id = 'another-club';
      },
    });
    expect(new Set(await refusedRules(load(path)))).toEqual(new Set(['partner-described-differently', 'ods-code-of-two-partners', 'dos-service-in-two-pathways']));
  });

  it('says everything that is wrong, with file and place', async () => {
    const path = await folder({ 'a.json': (p) => (p.services[6]!.sessions = { min: 5, max: 4 }), 'b.json': '[' });
    const error = await load(path).catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).toMatch(/a\.json: services\[6\]\.sessions: sessions-min-above-max/);
    expect((error as Error).message).toMatch(/b\.json/);
    expect(await refusedRules(load(join(directory.home, 'nowhere')))).toEqual(['pathway-file-unreadable']);
  });
});

describe('what a pathway made', () => {
  it('is changed by no partner', async () => {
    await load(EXAMPLE_PATHWAY);
    expect(await rulesAgainst(directory.update('safe-zones', 'safe-zones', { resourceType: 'Organization', name: 'Another' }))).toEqual({ kind: 'forbidden', rules: ['pathway-owned'] });
    expect(await versionOf('Organization', 'safe-zones')).toBe(1);
  });

  it('names its canonical and version', async () => {
    await load(EXAMPLE_PATHWAY);
    const plan = JSON.parse((await read(directory.db, callerOf('anyone'), 'PlanDefinition', example.id))!.body) as { url: string; version: string };
    expect(plan).toMatchObject({ url: pathwayCanonical(example.id), version: example.version });
  });
});
