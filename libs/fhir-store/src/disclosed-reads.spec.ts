import type { Reader } from '@baton/postgres';
import { DisclosedReads } from './disclosed-reads.js';
import { caller, flag, openStore, rulesOf, type Store } from './store.fixture.js';
import { alone } from './unit-of-work.js';
import { create, remove, update } from './writes.js';

const flags = rulesOf('Flag');
const trust = caller('trust');
const charity = { ...caller('charity'), requestId: 'req-2', correlationId: 'cor-2' };

interface Entry {
  partner: string;
  interaction: string;
  outcome: string;
  patient: string;
  resources: string[];
  owners: string[];
  request_id: string;
  correlation_id: string;
}

let store: Store;
let own: string;
let opened: string;
let hidden: string;
let removed: string;

beforeAll(async () => {
  store = await openStore();
  [own, opened, hidden, removed] = [await make('p1'), await make('p2'), await make('p1'), await make('p1')];
  await alone(store.database, 'episodes', trust, (tx) => update(flags, tx, trust, { id: opened, resource: { ...flag('p2', 'Changed.'), id: opened } }));
  await alone(store.database, 'episodes', trust, (tx) => remove(flags, tx, trust, { id: removed }));
});
afterAll(() => store.test.drop());
beforeEach(async () => {
  await store.test.admin('DELETE FROM audit.entry');
  await store.close('charity');
  await store.open({ patient: 'p2', owner: 'trust', recipient: 'charity', category: 'alert' });
});

const make = async (patient: string): Promise<string> => (await alone(store.database, 'episodes', trust, (tx) => create(flags, tx, trust, { resource: flag(patient) }))).id;
const entries = (): Promise<Entry[]> => store.test.admin<Entry>('SELECT * FROM audit.entry ORDER BY resources, partner');

/** Notes the statements that reach the database. */
const noting = (): { db: Reader; asked: { text: string; reads: number }[] } => {
  const asked: { text: string; reads: number }[] = [];
  return {
    asked,
    db: {
      query: (what, values = []) => {
        asked.push({ text: what.text, reads: (values[3] as string[]).length });
        return store.database.query(what, values);
      },
    },
  };
};

describe('A disclosed read', () => {
  it('shows the present version, and its entry says whose version was shown to whom at which request', async () => {
    const row = await new DisclosedReads(store.database, 'Flag').read(charity, opened);
    expect(row).toMatchObject({ type: 'Flag', version: 2, owner: 'trust', category: 'alert', deleted: false, body: expect.stringContaining('Changed.'), last_updated: expect.any(Date) });
    expect(await entries()).toEqual([
      expect.objectContaining({
        partner: 'charity',
        client: 'charity',
        service: 'episodes',
        interaction: 'read',
        outcome: 'success',
        patient: 'p2',
        resources: [`Flag/${opened}/_history/2`],
        owners: ['trust'],
        request_id: 'req-2',
        correlation_id: 'cor-2',
        query: null,
        rule: null,
      }),
    ]);
  });

  it('answers what is hidden and what never was alike, by the same statement, and notes no disclosure of either', async () => {
    const { db, asked } = noting();
    const reads = new DisclosedReads(db, 'Flag');
    expect([await reads.read(charity, hidden), await reads.read(charity, 'never')]).toEqual([undefined, undefined]);
    expect(asked[0]).toEqual(asked[1]);
    expect(await entries()).toEqual([]);
  });

  it('of what was deleted says so to whoever could see it, and notes no disclosure', async () => {
    expect(await new DisclosedReads(store.database, 'Flag').read(trust, removed)).toMatchObject({ deleted: true, version: 2 });
    expect(await entries()).toEqual([]);
  });

  it('asks again each time: what was closed a moment ago is hidden', async () => {
    const reads = new DisclosedReads(store.database, 'Flag');
    expect(await reads.read(charity, opened)).toBeDefined();
    await store.close('charity');
    expect(await reads.read(charity, opened)).toBeUndefined();
    expect(await entries()).toHaveLength(1);
  });

  it('shares its statement with others of the moment, but never with another caller', async () => {
    const { db, asked } = noting();
    const reads = new DisclosedReads(db, 'Flag');
    const again = { ...charity, requestId: 'req-3' };
    const rows = await Promise.all([reads.read(charity, opened), reads.read(trust, hidden), reads.read(charity, hidden), reads.read(trust, own), reads.read(again, opened), reads.read(charity, 'never'), reads.read(trust, removed)]);
    expect(rows.map((row) => (row ? `${row.version}${row.deleted ? ' deleted' : ''}` : undefined))).toEqual(['2', '1', undefined, '1', '2', undefined, '2 deleted']);
    expect(rows.map((row) => row && /"id":"([^"]*)"/.exec(row.body)?.[1])).toEqual([opened, hidden, undefined, own, opened, undefined, removed]);
    expect(asked.map(({ reads: count }) => count)).toEqual([4, 3]);
    const told = (await entries()).map(({ partner, resources, request_id }) => `${partner} ${resources.join()} ${request_id}`);
    expect(told.sort()).toEqual([`charity Flag/${opened}/_history/2 req-2`, `charity Flag/${opened}/_history/2 req-3`, `trust Flag/${hidden}/_history/1 r`, `trust Flag/${own}/_history/1 r`].sort());
  });

  it('of an id that no row can have fails alone', async () => {
    const reads = new DisclosedReads(store.database, 'Flag');
    const [good, bad, other] = await Promise.allSettled([reads.read(trust, own), reads.read(trust, 'a\0b'), reads.read(trust, hidden)]);
    expect([good.status, bad.status, other.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await entries()).toHaveLength(2);
  });

  it('shows nothing that cannot be audited', async () => {
    await store.test.admin(`ALTER TABLE audit.entry ADD CONSTRAINT closed CHECK (partner <> 'charity')`);
    try {
      await expect(new DisclosedReads(store.database, 'Flag').read(charity, opened)).rejects.toThrow(/closed/);
    } finally {
      await store.test.admin('ALTER TABLE audit.entry DROP CONSTRAINT closed');
    }
  });
});
