import type { Caller } from '@baton/kernel';
import { statement, weave, type Database, type Fragment, type Reader, type Statement } from '@baton/postgres';
import { createTestDatabase, eventually, type TestDatabase } from '@baton/testing';
import { AuditGatherer, writeAudit } from './audit.gatherer.js';
import { AuditTables1700000000000 } from './audit.migration.js';
import { makeAuditPartitions } from './audit.partitions.js';
import { auditFragment, auditOf, type AuditEntry } from './audit.js';

const caller: Caller = { partner: 'safe-zones', client: 'safe-zones', scopes: [], requestId: 'req-1', correlationId: 'cor-1' };

interface Row {
  service: string;
  patient: string | null;
  owners: string[];
  query: string | null;
  partition: string;
}

let test: TestDatabase;
let audit: Database;
let referrals: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  audit = await test.open('audit', [AuditTables1700000000000]);
  referrals = await test.open('referrals');
});

afterAll(() => test.drop());

beforeEach(() => test.admin('DELETE FROM audit.entry'));

const rows = (): Promise<Row[]> => test.admin<Row>('SELECT *, tableoid::regclass::text AS partition FROM audit.entry ORDER BY id');

describe('an audit entry', () => {
  it('is stored as it was given, with the service and the time set by the database', async () => {
    const entry = auditOf(caller, { interaction: 'search', patient: 'p1', resources: ['Task/1', 'Task/2'], owners: ['rapid-response'], query: 'Task?status=requested', purpose: 'BTG' });
    await writeAudit(referrals, [entry]);
    expect(await rows()).toEqual([
      {
        id: entry.id,
        recorded_at: expect.any(Date),
        service: 'referrals',
        partner: 'safe-zones',
        client: 'safe-zones',
        interaction: 'search',
        outcome: 'success',
        patient: 'p1',
        resources: ['Task/1', 'Task/2'],
        owners: ['rapid-response'],
        request_id: 'req-1',
        correlation_id: 'cor-1',
        query: 'Task?status=requested',
        purpose: 'BTG',
        rule: null,
        partition: expect.stringMatching(/^audit\.entry_\d{4}_\d{2}$/),
      },
    ]);
  });

  it('of a refusal names neither patient nor owner, so that hidden and absent leave the same row', async () => {
    const refused = { interaction: 'read', outcome: 'refused', rule: 'unknown', resources: ['Task/1'] } as const;
    await writeAudit(referrals, [auditOf(caller, { ...refused, patient: 'p1', owners: ['rapid-response'] }), auditOf(caller, refused)]);
    const [hidden, absent] = (await rows()).map((row) => ({ ...row, id: '', recorded_at: '' }));
    expect(hidden).toEqual(absent);
  });

  it.each(['a\0b', 'a\ud800b', 'a\udc00', `"'\\$1;--`, 'x'.repeat(100_000)])('is stored whatever the query text holds (%#)', async (query) => {
    await writeAudit(referrals, [auditOf(caller, { interaction: 'search', query, resources: [query] })]);
    expect((await rows())[0]!.query).toBe(query.replace(/[\0\ud800-\udfff]/, '\uFFFD').slice(0, 8192));
  });
});

describe('the privileges of services on the audit', () => {
  it.each(['SELECT 1 FROM audit.entry', `UPDATE audit.entry SET rule = 'x'`, 'DELETE FROM audit.entry', 'TRUNCATE audit.entry', 'DROP TABLE audit.entry', `SELECT audit.make_partitions(now(), 1)`, 'SELECT 1 FROM audit.entry_default'])(
    'are no more than INSERT: %s',
    async (sql) => {
      await expect(referrals.query(statement(sql))).rejects.toThrow(/permission denied|must be owner/);
    },
  );

  it.each([
    ['service', `'consent'`],
    ['recorded_at', `now() - interval '1 day'`],
  ])('do not let them write the %s', async (column, value) => {
    const sql = `INSERT INTO audit.entry (id, partner, client, interaction, outcome, request_id, correlation_id, ${column}) VALUES (gen_random_uuid(), 'a', 'a', 'read', 'success', 'r', 'c', ${value})`;
    await expect(referrals.query(statement(sql))).rejects.toThrow(/permission denied/);
  });

  it('show the role under which the gateway composed the command', async () => {
    const gateway = await test.open('gateway');
    await gateway.transaction((tx) => writeAudit(tx.as('baton_consent'), [auditOf(caller, { interaction: 'create' })]));
    expect((await rows()).map(({ service }) => service)).toEqual(['consent']);
  });
});

describe('the fragment of entries', () => {
  const entry = (): AuditEntry => auditOf(caller, { interaction: 'create', resources: ['Flag/1'] });
  const written = (count: number): Fragment => ({ sql: 'SELECT 1 FROM generate_series(1, $1::int)', values: [count] });
  const write = async (count: number, ...entries: AuditEntry[]): Promise<Statement> => {
    const woven = weave({ written: written(count), audited: auditFragment(entries, 'written') }, { sql: 'SELECT count(*) FROM written', values: [] });
    await referrals.query(woven.statement, woven.values);
    return woven.statement;
  };

  it('is one text for any number of entries, so that the statement stays prepared', async () => {
    expect(await write(1, entry())).toBe(await write(1, entry(), entry(), entry()));
    expect(await rows()).toHaveLength(4);
  });

  it('writes nothing where the write it tells of did nothing', async () => {
    await write(0, entry());
    expect(await rows()).toEqual([]);
  });

  it('goes with its transaction', async () => {
    const undone = referrals.transaction(async (tx) => {
      await writeAudit(tx, [entry()]);
      throw new Error('undo');
    });
    await expect(undone).rejects.toThrow('undo');
    expect(await rows()).toEqual([]);
  });

  it('takes no name of a CTE that is none', () => {
    expect(() => auditFragment([], 'x); DROP TABLE y; --')).toThrow(/Not a name/);
  });
});

describe('the entries of reads', () => {
  const read = (more: Partial<AuditEntry> = {}): AuditEntry[] => [{ ...auditOf(caller, { interaction: 'read', patient: 'p1' }), ...more }];

  /** Counts the statements that reach the database, and can be made to wait. */
  const counting = (before: () => Promise<void> = () => Promise.resolve()): Reader & { count: number } => {
    const db: Reader & { count: number } = {
      count: 0,
      query: async (sql, values) => {
        db.count++;
        await before();
        return referrals.query(sql, values);
      },
    };
    return db;
  };

  it('of one moment share one insert, and are committed when the reads may answer', async () => {
    const db = counting();
    const gatherer = new AuditGatherer(db);
    await Promise.all(Array.from({ length: 50 }, () => gatherer.record(read())));
    expect(db.count).toBe(1);
    expect(await rows()).toHaveLength(50);
  });

  it('wait for an insert under way, but not longer than the time allowed', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((go) => (release = go));
    let first = true;
    const db = counting(() => (first ? ((first = false), held) : Promise.resolve()));
    const gatherer = new AuditGatherer(db, 5);
    const slow = gatherer.record(read());
    await eventually(async () => expect(db.count).toBe(1));
    await Promise.all([gatherer.record(read()), gatherer.record(read())]);
    expect(db.count).toBe(2);
    release();
    await slow;
    expect(await rows()).toHaveLength(3);
  });

  it('that cannot be written fail the read, and no other', async () => {
    const gatherer = new AuditGatherer(referrals);
    const answers = await Promise.allSettled([gatherer.record(read()), gatherer.record(read({ id: 'no uuid' })), gatherer.record(read())]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await rows()).toHaveLength(2);
  });

  it('are all written when draining is done', async () => {
    const gatherer = new AuditGatherer(referrals);
    const all = Array.from({ length: 30 }, () => gatherer.record(Array.from({ length: 40 }, () => read()[0]!)));
    await gatherer.drain();
    expect(await rows()).toHaveLength(1200);
    await Promise.all(all);
  });

  it('of nothing cost nothing', async () => {
    const db = counting();
    await new AuditGatherer(db).record([]);
    expect(db.count).toBe(0);
  });
});

describe('partitions', () => {
  const partitions = async (): Promise<string[]> =>
    (await test.admin<{ name: string }>(`SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit.entry'::regclass ORDER BY 1`)).map(({ name }) => name);

  it('exist for this month and three more, and are made once though asked for twice at once', async () => {
    const made = await partitions();
    expect(made).toHaveLength(5);
    expect(await makeAuditPartitions(audit)).toBe(0);
    const [last] = made.filter((name) => name !== 'audit.entry_default').slice(-1);
    await test.admin(`DROP TABLE ${last}`);
    const counts = await Promise.all([makeAuditPartitions(audit), makeAuditPartitions(audit)]);
    expect(counts.sort()).toEqual([0, 1]);
    expect(await partitions()).toEqual(made);
  });

  it('take over the rows that had to go to the default partition meanwhile', async () => {
    const [present] = await test.admin<{ name: string }>(`SELECT 'audit.entry_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') AS name`);
    await test.admin(`DROP TABLE ${present!.name}`);
    await writeAudit(referrals, [auditOf(caller, { interaction: 'create' })]);
    const before = await rows();
    expect(before.map(({ partition }) => partition)).toEqual(['audit.entry_default']);
    expect(await makeAuditPartitions(audit)).toBe(1);
    expect(await rows()).toEqual([{ ...before[0], partition: present!.name }]);
  });
});
