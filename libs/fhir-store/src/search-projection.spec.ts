import type { Slice } from '@baton/postgres';
import { rebuilt } from '@baton/testing';
import { searchProjection } from './search-projection.js';
import { caller, flag, openStore, rulesOf, type Store } from './store.fixture.js';
import { alone } from './unit-of-work.js';
import { create, remove, update } from './writes.js';

const trust = caller('trust');
const flags = rulesOf('Flag');
const search = searchProjection('episodes');

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.test.drop());

const make = async (number: string): Promise<string> => (await alone(store.database, 'episodes', trust, (tx) => create(flags, tx, trust, { resource: { ...flag(), identifier: [{ system: 'urn:x', value: number }] } }))).id;
const change = (id: string, number: string): Promise<unknown> => alone(store.database, 'episodes', trust, (tx) => update(flags, tx, trust, { id, resource: { ...flag(), id, identifier: [{ system: 'urn:x', value: number }] } }));
const drop = (id: string): Promise<unknown> => alone(store.database, 'episodes', trust, (tx) => remove(flags, tx, trust, { id }));
const index = (): Promise<object[]> => store.test.admin('SELECT type, param, value, id, system, low, high FROM episodes.search ORDER BY 1, 2, 3, 4, 5, 6, 7');

const rebuild = (mend?: boolean): Promise<Slice> => rebuilt(search, store.database, mend);

describe('the search index, derived again,', () => {
  let before: object[];

  it('is what writes made of it', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, (_, nth) => make(String(nth))));
    await change(ids[1]!, 'changed');
    await drop(ids[2]!);
    before = await index();
    expect(await rebuild()).toEqual({ looked: 5, missing: 0, surplus: 0 });
    expect(await index()).toEqual(before);
  });

  it('is told apart from what went astray, and left alone where that is only counted', async () => {
    await store.test.admin(`DELETE FROM episodes.search WHERE param = 'identifier' AND value = '0'`);
    await store.test.admin(`UPDATE episodes.search SET value = 'elsewhere' WHERE param = 'identifier' AND value = '3'`);
    await store.test.admin(`INSERT INTO episodes.search (type, param, value, id) SELECT 'Flag', 'identifier', 'nobody', id FROM episodes.resource WHERE deleted UNION ALL VALUES ('Flag', 'identifier', 'nobody', 'never-was')`);
    const astray = await index();
    expect(await rebuild(false)).toEqual({ looked: 5, missing: 2, surplus: 3 });
    expect(await index()).toEqual(astray);
  });

  it('is put right, and then there is nothing more to do', async () => {
    expect(await rebuild()).toEqual({ looked: 5, missing: 2, surplus: 3 });
    expect(await index()).toEqual(before);
    expect(await rebuild()).toEqual({ looked: 5, missing: 0, surplus: 0 });
  });

  it('takes what is written meanwhile for right, and leaves it right', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, (_, nth) => make(`many-${nth}`)));
    let writing = true;
    const writers = Promise.all(ids.map(async (id, nth) => {
      for (let round = 0; round < 25; round++) await change(id, `${nth}-${round}`);
      if (nth % 2 === 0) await drop(id);
    })).finally(() => (writing = false));
    for (let times = 0; writing || times === 0; times++) expect(await rebuild()).toMatchObject({ missing: 0, surplus: 0 });
    await writers;
    expect(await rebuild()).toMatchObject({ missing: 0, surplus: 0 });
    expect(await store.test.admin(`SELECT value FROM episodes.search WHERE param = 'identifier' AND id = ANY($1) ORDER BY 1`, [ids])).toEqual(['1-24', '3-24', '5-24', '7-24'].map((value) => ({ value })));
  });
});
