import { Refused } from '@baton/kernel';
import { statement } from '@baton/postgres';
import type { ResourceAnswer } from './change.js';
import { history, read, readVersion } from './reading.js';
import { caller, flag, openStore, rulesOf, type Store } from './store.fixture.js';
import { alone, aloneOnce } from './unit-of-work.js';
import { create, patch, remove, update } from './writes.js';
import { write } from './writing.js';

const trust = caller('trust');
const charity = caller('charity');
const stranger = caller('stranger');
const flags = rulesOf('Flag');

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.test.drop());
afterEach(() => Promise.all(['charity', 'stranger'].map((one) => store.close(one))));

const make = (by = trust, resource = flag()): Promise<ResourceAnswer> => alone(store.database, 'episodes', by, (tx) => create(flags, tx, by, { resource }));
const refusal = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Refused)) throw new Error(`not refused: ${String(error)}`);
  return `${error.kind} ${error.violations.map((v) => v.rule).join(' ')}`;
};

describe('a resource in the store', () => {
  it('is given back with every element it came with, in order, and with decimals as they were', async () => {
    const resource = { ...flag(), extension: [{ url: 'https://example.org/x', valueDecimal: 1.5 }], _status: { id: 's1' } };
    const { id } = await make(trust, resource);
    const row = await read(store.database, trust, 'Flag', id);
    const { id: _id, meta, ...content } = JSON.parse(row!.body) as Record<string, unknown>;
    expect(content).toEqual(resource);
    expect(meta).toEqual({ versionId: '1', lastUpdated: row!.last_updated.toISOString() });
  });

  it('is hidden from others, by the answer for what never was', async () => {
    const { id } = await make();
    expect(await read(store.database, stranger, 'Flag', id)).toBeUndefined();
    expect(await history(store.database, stranger, 'Flag', id, { limit: 10 })).toEqual([]);
    expect(await refusal(alone(store.database, 'episodes', stranger, (tx) => update(flags, tx, stranger, { id, resource: flag() })))).toBe('unknown resource-unknown');
  });

  it('opens to a recipient by category, by item, and by context, and to nobody else', async () => {
    const one = await make();
    const other = await make(trust, flag('p2'));
    await store.open({ patient: 'p1', owner: 'trust', recipient: 'charity', category: 'alert' });
    expect(await read(store.database, charity, 'Flag', one.id)).toBeDefined();
    expect(await read(store.database, charity, 'Flag', other.id)).toBeUndefined();
    await store.close('charity');
    await store.open({ patient: 'p2', owner: 'trust', recipient: 'charity', item: `Flag/${other.id}` });
    expect(await read(store.database, charity, 'Flag', one.id)).toBeUndefined();
    expect(await read(store.database, charity, 'Flag', other.id)).toBeDefined();
    await store.close('charity');
    await store.open({ patient: 'p1', owner: 'trust', recipient: 'charity', category: 'alert', context: 'some-referral' });
    expect(await read(store.database, charity, 'Flag', one.id)).toBeUndefined();
  });

  it('is not opened by a decision about what another partner owns, nor by one that has run out', async () => {
    const { id } = await make();
    await store.open({ patient: 'p1', owner: 'somebody-else', recipient: 'charity', category: 'alert' });
    await store.open({ patient: 'p1', owner: 'trust', recipient: 'charity', category: 'alert', until: '2020-01-01' });
    expect(await read(store.database, charity, 'Flag', id)).toBeUndefined();
  });

  it('is changed by its owner only, even where others see it', async () => {
    const { id } = await make();
    await store.open({ patient: 'p1', owner: 'trust', recipient: 'charity', category: 'alert' });
    expect(await refusal(alone(store.database, 'episodes', charity, (tx) => update(flags, tx, charity, { id, resource: flag() })))).toBe('forbidden not-yours-to-write');
  });

  it('keeps its versions; a stale If-Match is refused, and the young person it is about never changes', async () => {
    const { id } = await make();
    await alone(store.database, 'episodes', trust, (tx) => update(flags, tx, trust, { id, resource: flag('p1', 'Needs a lift.'), ifMatch: 1 }));
    expect(await refusal(alone(store.database, 'episodes', trust, (tx) => update(flags, tx, trust, { id, resource: flag(), ifMatch: 1 })))).toBe('stale version-not-current');
    expect(await refusal(alone(store.database, 'episodes', trust, (tx) => update(flags, tx, trust, { id, resource: flag('p2') })))).toBe('rule-broken subject-never-changes');
    await alone(store.database, 'episodes', trust, (tx) => patch(flags, tx, trust, { id, operations: [{ op: 'replace', path: '/status', value: 'inactive' }] }));
    const versions = await history(store.database, trust, 'Flag', id, { limit: 10 });
    expect(versions.map(({ version, method }) => `${version} ${method}`)).toEqual(['3 PATCH', '2 PUT', '1 POST']);
    expect((await readVersion(store.database, trust, 'Flag', id, 1))!.body).toContain('quiet room');
  });

  it('is gone once deleted, with its history kept and its index emptied', async () => {
    const { id } = await make();
    await alone(store.database, 'episodes', trust, (tx) => remove(flags, tx, trust, { id }));
    expect((await read(store.database, trust, 'Flag', id))!.deleted).toBe(true);
    expect(await store.test.admin('SELECT * FROM episodes.search WHERE id = $1', [id])).toEqual([]);
    expect(await refusal(alone(store.database, 'episodes', trust, (tx) => update(flags, tx, trust, { id, resource: flag() })))).toBe('gone resource-deleted');
  });

  it('keeps in its index what its present version says, and nothing of the versions before', async () => {
    const { id } = await make();
    await alone(store.database, 'episodes', trust, (tx) => update(flags, tx, trust, { id, resource: { ...flag(), identifier: [{ system: 'urn:x', value: '7' }] } }));
    const rows = await store.test.admin('SELECT param, value, system FROM episodes.search WHERE id = $1 ORDER BY param', [id]);
    expect(rows).toContainEqual({ param: 'identifier', value: '7', system: 'urn:x' });
    await alone(store.database, 'episodes', trust, (tx) => update(flags, tx, trust, { id, resource: flag() }));
    const after = await store.test.admin<{ param: string }>('SELECT param FROM episodes.search WHERE id = $1', [id]);
    expect(after.map(({ param }) => param)).not.toContain('identifier');
  });
});

describe('a write', () => {
  const observations = rulesOf('Observation', { create: async () => ({ ownReferences: ['Patient/p1'] }) });
  const about = (focus: string) => ({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: 'Patient/p1' }, focus: [{ reference: focus }] });
  const observe = (focus: string) => alone(store.database, 'episodes', charity, (tx) => create(observations, tx, charity, { resource: about(focus) }));

  it('refuses a reference to something hidden just as one to nothing', async () => {
    const { id } = await make();
    const hidden = await observe(`Flag/${id}`).catch((error: Refused) => error.violations);
    const missing = await observe('Flag/00000000-0000-4000-8000-000000000000').catch((error: Refused) => error.violations);
    expect(hidden).toEqual(missing);
    await store.open({ patient: 'p1', owner: 'trust', recipient: 'charity', category: 'alert' });
    expect((await observe(`Flag/${id}`)).outcome).toBe('created');
  });

  it('fails if access was withdrawn while it waited for the lock, and leaves nothing', async () => {
    const shared = rulesOf('Flag', { othersMayChange: true });
    const { id } = await make();
    await store.open({ patient: 'p1', owner: 'trust', recipient: 'charity', category: 'alert' });
    const [locked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holder = store.database.transaction(async (tx) => {
      await tx.query(statement(`SELECT 1 FROM episodes.resource WHERE type = 'Flag' AND id = $1 FOR UPDATE`), [id]);
      locked.resolve();
      await released.promise;
    });
    await locked.promise;
    const waiting = refusal(alone(store.database, 'episodes', charity, (tx) => update(shared, tx, charity, { id, resource: flag('p1', 'Changed.') })));
    await untilBlocked();
    await store.close('charity');
    released.resolve();
    await holder;
    expect(await waiting).toBe('unknown resource-unknown');
    expect((await read(store.database, trust, 'Flag', id))!.version).toBe(1);
  });

  it('happens once, however often it is sent with the same Idempotency-Key', async () => {
    const claimed = { key: 'k1', fingerprint: 'f' };
    const send = (fingerprint = 'f') => aloneOnce(store.database, 'episodes', trust, { ...claimed, fingerprint }, (tx) => create(flags, tx, trust, { resource: flag() }));
    const answers = await Promise.all([send(), send(), send()]);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(await refusal(send('another request'))).toBe('rule-broken idempotency-key-reused');
  });

  it('takes everything with it when it is rolled back: resource, history, index, audit', async () => {
    const before = await counts();
    await expect(
      store.database.transaction(async (tx) => {
        await write(tx, 'episodes', trust, await create(flags, tx, trust, { resource: flag() }));
        throw new Error('afterwards');
      }),
    ).rejects.toThrow('afterwards');
    expect(await counts()).toEqual(before);
  });

  const counts = () => store.test.admin(`SELECT (SELECT count(*) FROM episodes.resource) r, (SELECT count(*) FROM episodes.history) h, (SELECT count(*) FROM episodes.search) s, (SELECT count(*) FROM audit.entry) a`);

  /** Until some statement waits for a lock. */
  async function untilBlocked(): Promise<void> {
    const deadline = Date.now() + 5000;
    while (Date.now() < deadline) {
      const [waiting] = await store.test.admin<{ n: number }>(`SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted`);
      if (waiting!.n > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error('nothing waits');
  }
});
