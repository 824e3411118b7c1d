import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSearch } from '@baton/fhir';
import { Refused } from '@baton/kernel';
import { conditionalCreate } from './conditional.js';
import { PageLinks } from './page-links.js';
import type { StoredRow } from './rows.js';
import { disclosedSearch, search, type Found } from './search.js';
import { caller, flag, openStore, rulesOf, type Store } from './store.fixture.js';
import { alone } from './unit-of-work.js';
import { create } from './writes.js';

const [trust, charity, stranger] = ['trust', 'charity', 'stranger'].map(caller) as [ReturnType<typeof caller>, ReturnType<typeof caller>, ReturnType<typeof caller>];
const flags = rulesOf('Flag');
const observations = rulesOf('Observation');

let store: Store;
let home: string;
let pages: PageLinks;
beforeAll(async () => {
  store = await openStore();
  home = await mkdtemp(join(tmpdir(), 'pages-'));
  pages = await PageLinks.open(home);
  for (let i = 0; i < 7; i++) await make({ ...flag('p1', `Alert ${i}`), identifier: [{ system: 'urn:x', value: String(i) }] });
  await make({ ...flag('p2', 'Other'), identifier: [{ system: 'urn:x', value: '0' }] });
  await store.open({ patient: 'p2', owner: 'trust', recipient: 'charity', category: 'alert' });
});
afterAll(async () => {
  await store.test.drop();
  await rm(home, { recursive: true });
});

const make = (resource: Parameters<typeof create>[3]['resource']) => alone(store.database, 'episodes', trust, (tx) => create(resource.resourceType === 'Flag' ? flags : observations, tx, trust, { resource }));
const find = (who: typeof trust, text: string, type = 'Flag'): Promise<Found<StoredRow>> => search(store.database, who, parseSearch(type, new URLSearchParams(text), { handling: 'strict' }), pages);

describe('a search', () => {
  it('finds by patient, by token with and without system, and by both together', async () => {
    expect((await find(trust, 'patient=Patient/p1')).total).toBe(7);
    expect((await find(trust, 'identifier=0')).total).toBe(2);
    expect((await find(trust, 'identifier=urn:x|0&patient=p2')).total).toBe(1);
    expect((await find(trust, 'identifier=|0')).total).toBe(0);
    expect((await find(trust, 'identifier:missing=true')).total).toBe(0);
  });

  it('counts and shows only what the caller may see', async () => {
    const seen = await find(charity, '_total=accurate');
    expect([seen.total, seen.matches.map(({ patient }) => patient)]).toEqual([1, ['p2']]);
    expect((await find(stranger, 'identifier=0&_summary=count')).total).toBe(0);
  });

  it('pages by key: every match once, though others are written meanwhile', async () => {
    const ids: string[] = [];
    let query = 'patient=p1&_count=2';
    for (let page = await find(trust, query); ; page = await find(trust, query)) {
      ids.push(...page.matches.map(({ id }) => id));
      if (page.next === undefined) break;
      query = `patient=p1&_count=2&_cursor=${page.next}`;
      await make(flag('p2', 'Meanwhile'));
    }
    expect([ids.length, new Set(ids).size]).toEqual([7, 7]);
  });

  it('sorts by when things were last changed, newest first, across pages', async () => {
    const first = await find(trust, 'patient=p1&_sort=-_lastUpdated&_count=4');
    const second = await find(trust, `patient=p1&_sort=-_lastUpdated&_count=4&_cursor=${first.next}`);
    const times = [...first.matches, ...second.matches].map((row) => row.last_updated.getTime());
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(times).toHaveLength(7);
  });

  it('refuses the page link of another partner, of another search, and one that was changed', async () => {
    const { next } = await find(trust, 'patient=p1&_count=2');
    await expect(find(charity, `patient=p1&_count=2&_cursor=${next}`)).rejects.toThrow(Refused);
    await expect(find(trust, `patient=p2&_count=2&_cursor=${next}`)).rejects.toThrow(Refused);
    await expect(find(trust, `patient=p1&_count=2&_cursor=x${next}`)).rejects.toThrow(Refused);
  });

  it('finds dates as intervals: a month holds its days, and an open end reaches beyond', async () => {
    const observe = (time: object) => make({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: 'Patient/p1' }, ...time });
    await observe({ effectiveDateTime: '2026-03-14' });
    await observe({ effectivePeriod: { start: '2026-05-01' } });
    const total = async (text: string) => (await find(trust, text, 'Observation')).total;
    expect([await total('date=2026-03'), await total('date=2026-03-14T10:00:00Z'), await total('date=gt2026-04'), await total('date=lt2026-03-14'), await total('date=ge2027')]).toEqual([1, 0, 1, 0, 1]);
  });

  it('includes what matches refer to and what refers to them, as far as the caller sees it', async () => {
    const { id } = await make({ ...flag('p2', 'Included'), identifier: [{ system: 'urn:x', value: 'inc' }] });
    await make({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: 'Patient/p2' }, focus: [{ reference: `Flag/${id}` }] });
    expect((await find(trust, 'patient=p2&_include=Observation:subject', 'Observation')).included).toEqual([]);
    expect((await find(charity, 'patient=p2', 'Observation')).matches).toEqual([]);
  });
});

describe('a search that is disclosed', () => {
  const disclose = (who: typeof trust, text: string): Promise<Found> => disclosedSearch(store.database, who, parseSearch('Flag', new URLSearchParams(text), { handling: 'strict' }), pages, `Flag?${text}`);
  const entries = () => store.test.admin<{ patient: string | null; resources: string[]; owners: string[]; query: string; partner: string; interaction: string }>('SELECT * FROM audit.entry ORDER BY patient');
  const versions = (found: Found, patient: string): string[] => found.matches.filter((row) => row.patient === patient).map((row) => `Flag/${row.id}/_history/${row.version}`);
  beforeEach(() => store.test.admin('DELETE FROM audit.entry'));

  it('leaves an entry for each young person, with what was shown and nothing of the next page', async () => {
    const found = await disclose(trust, 'identifier=0,1&_count=2');
    expect([found.matches.length, found.next !== undefined]).toEqual([2, true]);
    const told = await entries();
    expect(told.flatMap(({ resources }) => resources).sort()).toEqual(found.matches.map((row) => `Flag/${row.id}/_history/${row.version}`).sort());
    const rest = await disclose(trust, `identifier=0,1&_count=2&_cursor=${found.next}`);
    expect(new Set([...found.matches, ...rest.matches].map(({ patient }) => patient))).toEqual(new Set(['p1', 'p2']));
    const all = await entries();
    for (const entry of all) expect(entry).toMatchObject({ interaction: 'search', partner: 'trust', owners: ['trust'], query: expect.stringContaining('Flag?identifier=0,1') });
    expect(all.filter(({ patient }) => patient === 'p1').flatMap(({ resources }) => resources).sort()).toEqual([...versions(found, 'p1'), ...versions(rest, 'p1')].sort());
  });

  it('leaves its trace too where nothing was found, or nothing may be seen', async () => {
    expect([(await disclose(stranger, 'identifier=0')).matches, (await disclose(trust, 'identifier=none')).total]).toEqual([[], 0]);
    expect((await entries()).map(({ patient, resources, owners, query }) => [patient, resources, owners, query])).toEqual([
      [null, [], [], 'Flag?identifier=0'],
      [null, [], [], 'Flag?identifier=none'],
    ]);
  });

  it('finds what a search finds, in the same order, sorted or not, of one young person or by id', async () => {
    const some = (await find(trust, 'patient=p1&_count=2')).matches.map(({ id }) => id);
    for (const text of ['patient=p1', 'patient=p1&_sort=-_lastUpdated', 'patient=p1,p2&identifier=0', 'patient=p1&identifier:not=0', 'patient=p1&identifier:missing=true', `_id=${some.join()}&identifier=0`, '_sort=_id', 'patient=p1&_total=accurate&_count=1']) {
      const [plain, disclosed] = [await find(trust, text), await disclose(trust, text)];
      expect([text, disclosed.total, disclosed.matches.map(({ id, body }) => [id, body])]).toEqual([text, plain.total, plain.matches.map(({ id, body }) => [id, body])]);
    }
  });

  it('keeps the text of a query that PostgreSQL cannot hold as it is', async () => {
    await disclose(trust, 'identifier=a\ud800b');
    expect((await entries()).map(({ query }) => query)).toEqual(['Flag?identifier=a\uFFFDb']);
  });
});

describe('a conditional create', () => {
  const condition = 'identifier=urn:x|only-once';
  const once = (who: typeof trust) =>
    alone(store.database, 'episodes', who, (tx) => conditionalCreate(flags, tx, who, { resource: { ...flag('p1'), identifier: [{ system: 'urn:x', value: 'only-once' }] } }, condition, 'http://baton/fhir/R4'));

  it('makes one of two at once, and tells both of it', async () => {
    const answers = await Promise.all([once(trust), once(trust)]);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['created', 'unchanged']);
  });

  it('does not tell a partner whether another one has a match', async () => {
    expect((await once(stranger)).outcome).toBe('created');
  });

  it('refuses a condition that several match', async () => {
    const several = alone(store.database, 'episodes', trust, (tx) => conditionalCreate(flags, tx, trust, { resource: flag() }, 'identifier=0', 'http://baton/fhir/R4'));
    await expect(several).rejects.toMatchObject({ kind: 'ambiguous' });
  });
});
