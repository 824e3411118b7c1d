import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Database, statement } from '@baton/postgres';
import { COMPILED, eventually, freePort } from '@baton/testing';

const TOPIC = 'baton.referrals.referral';
const WRONG = 'WrongSchema: dataref, named, pathway, patient, priority, …';
const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

describe('npm run -s parked, beside a running Baton', () => {
  let home: string;
  let env: Record<string, string>;
  let baton: ChildProcess;

  const run = (...args: string[]): Promise<{ code: number | null; out: string; err: string }> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, [program('parked'), ...args], { env }, (_error, out, err) => resolve({ code: child.exitCode, out, err }));
    });

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'baton-parked-'));
    env = { ...COMPILED, BATON_HOME: home, BATON_PORT: String(await freePort()), BATON_LOG_LEVEL: 'silent' };
    baton = spawn(process.execPath, [program('main')], { env, stdio: 'ignore' });
    await eventually(async () => (await fetch(`http://127.0.0.1:${env['BATON_PORT']}/health/ready`)).ok, { within: 60_000, every: 100 });
    const database = await Database.open({ dsn: (await readFile(join(home, 'secrets', 'admin-dsn'), 'utf8')).trim(), schema: 'referrals', poolSize: 2 });
    await database.query(
      statement(`INSERT INTO referrals.outbox (event_id, topic, key, type, version, correlation_id, causation_id, data) VALUES (uuidv7(), '${TOPIC}', 'broken', 'baton.referrals.referral-requested.v1', 1, 'c', 'c', '{"name":"Jane Doe"}')`),
    );
    await eventually(async () => (await database.query(statement(`SELECT 1 AS one FROM consent.parked`))).length === 1, { within: 10_000 });
    await database.close();
  }, 90_000);
  afterAll(async () => {
    const ended = once(baton, 'exit');
    baton.kill('SIGTERM');
    await ended;
    await rm(home, { recursive: true, force: true });
  }, 30_000);

  it('lists, counts, retries, gives up and takes back, and shows nothing of what events say', async () => {
    const listed = await run();
    const [, id = ''] = /consent: \S+ broken, since \S+, 1 attempts, WrongSchema: .*\n {2}(\S+) baton\.referrals\.referral-requested\.v1 version 1 from \d\/0/.exec(listed.out) ?? [];
    expect([listed.code, id]).toEqual([1, expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    expect((await run('groups')).out).toMatch(new RegExp(`^consent: ${TOPIC}, ${WRONG}: 1 keys, 1 events, since `, 'm'));
    expect((await run('retry', 'consent', '--error', WRONG)).out).toContain(`${TOPIC} broken: 0 applied, then ${WRONG}\nconsent: `);
    expect((await run('retry', 'consent', '--error', 'Another')).out).not.toContain('applied');
    expect((await run('discard', 'consent', TOPIC, 'broken', id, 'no', 'use')).out).not.toContain('consent:');
    expect((await run('discarded')).out).toMatch(new RegExp(`^consent: ${TOPIC} broken, ${id} \\S+ version 1, ${WRONG}; discarded \\S+ by command: no use$`, 'm'));
    expect(await run('restore', 'consent', id)).toMatchObject({ code: 1, out: expect.stringContaining(`consent: ${TOPIC} broken`) });
    expect(await run('restore', 'consent', id)).toEqual({ code: 1, out: '', err: 'No such event was discarded for this consumer.\n' });
    expect(await run('restore', 'consent', 'x')).toEqual({ code: 1, out: '', err: 'x is not the id of an event; the list shows them.\n' });
    expect((await run('retry', 'gateway')).err).toMatch(/^gateway listens to no events/);
    expect(JSON.stringify([listed, await run('discarded')])).not.toContain('Jane');
  }, 60_000);
});
