import { Database, isUnavailable, statement } from '@baton/postgres';
import { spawn } from 'node:child_process';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, holdEngine, noServerOn, temporaryHome, until } from './engine.fixture.js';
import { HomeInUse } from './home-lock.js';
import { processesOn } from './processes.js';
import { startPostgres, type EmbeddedPostgres } from './start-postgres.js';

const kept = (dsn: string) => ask<{ n: number }>(dsn, 'SELECT n FROM kept ORDER BY n').then((rows) => rows.map(({ n }) => n));

describe('The embedded PostgreSQL', () => {
  const { home, remove } = temporaryHome();
  let engine: EmbeddedPostgres;
  beforeAll(async () => {
    engine = await startPostgres({ home });
    await ask(engine.adminDsn, 'CREATE TABLE kept (n int UNIQUE); INSERT INTO kept VALUES (1)');
  });
  afterAll(async () => {
    await engine?.stop();
    remove();
  });

  it('waits for the disk before it answers a commit', async () => {
    expect(await ask(engine.adminDsn, `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name`)).toEqual(
      ['fsync', 'full_page_writes', 'synchronous_commit'].map((name) => ({ name, setting: 'on' })),
    );
  });

  it('lets nobody in without the password, and keeps it where only we can read it', async () => {
    await expect(ask(engine.adminDsn.replace(/:[^:@]+@/, ':guessed@'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect(statSync(join(home, 'secrets')).mode & 0o777).toBe(0o700);
    expect(statSync(join(home, 'secrets', 'postgres')).mode & 0o777).toBe(0o600);
    expect(statSync(home).mode & 0o077).toBe(0);
  });

  it('writes no value of a row to its log', async () => {
    await ask(engine.adminDsn, `CREATE TABLE person (name text UNIQUE); INSERT INTO person VALUES ('canary')`);
    await expect(ask(engine.adminDsn, `INSERT INTO person VALUES ('canary')`)).rejects.toMatchObject({ code: '23505', detail: expect.stringContaining('canary') });
    await expect(ask(engine.adminDsn, `SELECT name::int FROM person`)).rejects.toThrow('canary');
    const log = readFileSync(join(home, 'postgres.log'), 'utf8');
    expect(log).toContain('ready to accept connections');
    expect(log).not.toContain('canary');
  });

  it('is noticed and started again when it is killed, with everything that was committed', async () => {
    const restarted = new Promise((resolve) => void engine.onRestart(resolve));
    const { pid } = engine;
    await ask(engine.adminDsn, 'INSERT INTO kept VALUES (2)');
    process.kill(pid!, 'SIGKILL');
    expect(await restarted).toMatchObject({ because: 'SIGKILL', pid: engine.pid });
    expect(engine.pid).not.toBe(pid);
    expect(await kept(engine.adminDsn)).toEqual([1, 2]);
  });

  it('is started again each time, not only once', async () => {
    for (let round = 0; round < 2; round++) {
      const { pid } = engine;
      process.kill(pid!, 'SIGKILL');
      await until(() => expect(engine.pid !== pid && engine.pid).toBeTruthy());
      expect(await until(() => kept(engine.adminDsn))).toEqual([1, 2]);
    }
  });

  it('is used again by the connections of a service, after a moment in which it cannot be reached', async () => {
    const database = await Database.open({ dsn: engine.adminDsn, schema: 'public' });
    const count = statement('SELECT count(*)::int AS n FROM public.kept');
    expect(await database.query(count)).toEqual([{ n: 2 }]);
    process.kill(engine.pid!, 'SIGKILL');
    const failure = await until(async () => {
      const answer: unknown = await database.query(count).catch((error: unknown) => error);
      expect(answer).toBeInstanceOf(Error);
      return answer;
    });
    expect(isUnavailable(failure)).toBe(true);
    expect(await until(() => database.query(count))).toEqual([{ n: 2 }]);
    await database.close();
  });

  it('recovers when a single backend is killed', async () => {
    await ask(engine.adminDsn, 'INSERT INTO kept VALUES (3)');
    const killed = ask(engine.adminDsn, 'SELECT pg_sleep(60)');
    const [backend] = await until(async () => {
      const rows = await ask<{ pid: number }>(engine.adminDsn, `SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'`);
      expect(rows).toHaveLength(1);
      return rows;
    });
    process.kill(backend!.pid, 'SIGKILL');
    await expect(killed).rejects.toThrow();
    expect(await until(() => kept(engine.adminDsn))).toEqual([1, 2, 3]);
  });

  it('refuses a second Baton on the same home and names the first', async () => {
    const second = startPostgres({ home });
    await expect(second).rejects.toThrow(HomeInUse);
    await expect(second).rejects.toThrow(`process ${process.pid}`);
  });

  it('stops for good when told, and starts again with its data', async () => {
    await engine.stop();
    expect(processesOn(join(home, 'postgres'))).toEqual([]);
    engine = await startPostgres({ home });
    expect(await kept(engine.adminDsn)).toEqual([1, 2, 3]);
  });

  it('begins nothing anew where only the password is missing', async () => {
    await engine.stop();
    const file = join(home, 'secrets', 'postgres');
    renameSync(file, `${file}.away`);
    await expect(startPostgres({ home })).rejects.toThrow(`its password ${file} is missing`);
    renameSync(`${file}.away`, file);
    engine = await startPostgres({ home });
    expect(await kept(engine.adminDsn)).toEqual([1, 2, 3]);
  });

  it('starts although its last process id belongs to another program now', async () => {
    await engine.stop();
    const stranger = spawn('sleep', ['60']);
    writeFileSync(join(home, 'postgres', 'postmaster.pid'), `${stranger.pid}\n${join(home, 'postgres')}\n1\n5432\n\n\n\nready\n`);
    try {
      engine = await startPostgres({ home });
      expect(await kept(engine.adminDsn)).toEqual([1, 2, 3]);
      expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    } finally {
      stranger.kill();
    }
  });
});

describe('After the process that started it was killed', () => {
  const { home, remove } = temporaryHome();
  afterAll(() => remove());

  it('a first start that was interrupted leaves nothing that hinders the next', async () => {
    await expect(holdEngine({ home, fast: true }, { env: { BATON_CRASH_AT: 'postgres.initialised' } })).rejects.toThrow('SIGKILL: crash-point reached: postgres.initialised');
    const engine = await holdEngine({ home, fast: true });
    await ask(engine.adminDsn, 'CREATE TABLE kept (n int)');
    await engine.end();
    await noServerOn(home);
  });

  it('PostgreSQL shuts down by itself, and the next start has what was committed', async () => {
    const first = await holdEngine({ home, fast: true });
    await ask(first.adminDsn, 'INSERT INTO kept VALUES (1)');
    await first.kill();
    await noServerOn(home);
    expect(await nextStart()).toEqual([1]);
  });

  it('a PostgreSQL that is still running is stopped by the next start', async () => {
    const first = await holdEngine({ home, fast: true, endsWithParent: false });
    await ask(first.adminDsn, 'INSERT INTO kept VALUES (2)');
    await first.kill();
    expect(processesOn(join(home, 'postgres'))).toContain(first.pid);
    expect(await nextStart()).toEqual([1, 2]);
    expect(processesOn(join(home, 'postgres'))).not.toContain(first.pid);
  });

  it('and PostgreSQL with it, the next start recovers', async () => {
    const first = await holdEngine({ home, fast: true, endsWithParent: false });
    await ask(first.adminDsn, 'INSERT INTO kept VALUES (3)');
    await first.kill();
    process.kill(first.pid, 'SIGKILL');
    expect(await nextStart()).toEqual([1, 2, 3]);
  });

  async function nextStart(): Promise<number[]> {
    const next = await startPostgres({ home, fast: true });
    try {
      return await kept(next.adminDsn);
    } finally {
      await next.stop();
    }
  }
});
