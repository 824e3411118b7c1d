import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILED, eventually, freePort } from '@baton/testing';

describe('a Baton that is asked to stop while it starts', () => {
  let home: string;
  beforeAll(async () => void (home = await mkdtemp(join(tmpdir(), 'baton-main-'))));
  afterAll(() => rm(home, { recursive: true, force: true }));

  it('ends by itself, in order, and leaves no PostgreSQL behind', async () => {
    const main = fileURLToPath(new URL('./main.js', import.meta.url));
    const child = spawn(process.execPath, [main], { env: { ...COMPILED, BATON_HOME: home, BATON_PORT: String(await freePort()) }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (part: Buffer) => (said += part.toString()));
    const ended = once(child, 'exit');
    // PostgreSQL runs: the roles and tables are being made.
    const server = await eventually(async () => Number((await readFile(join(home, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]), { within: 20_000 });
    child.kill('SIGTERM');
    // Through npm it may come twice.
    setTimeout(() => child.kill('SIGTERM'), 50);
    expect(await ended).toEqual([0, null]);
    expect(() => process.kill(server, 0)).toThrow('ESRCH');
    expect(said).toMatch(/Baton has stopped\.\n$/);
  }, 60_000);
});

describe('a Baton that cannot start says which variable is wrong, and nothing of its own code', () => {
  it.each([
    [{ DATABASE_URL: 'mysql://x' }, /DATABASE_URL: must be the address of a PostgreSQL, e\.g\. postgres:/],
    [{ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, /^The database named by DATABASE_URL cannot be reached \(ECONNREFUSED/],
    [{ BATON_HOME: '/proc/x' }, /^BATON_HOME: \/proc\/x cannot be used/m],
    [{ BATON_PUBLIC_URL: 'x', BATON_PATHWAY: '/nope', BATON_PROT: '1' }, /^not known, without effect: BATON_PROT [^]*BATON_PUBLIC_URL: must be an address, e\.g\. https:[^]*BATON_PATHWAY: no such file/],
  ])('%j', async (wrong, says) => {
    const home = await mkdtemp(join(tmpdir(), 'baton-main-'));
    const main = fileURLToPath(new URL('./main.js', import.meta.url));
    const child = spawn(process.execPath, [main], { env: { ...COMPILED, BATON_HOME: home, ...wrong }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (part: Buffer) => (said += part.toString()));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(said).toMatch(says);
    expect(said).not.toMatch(/^\s+at /m);
    await rm(home, { recursive: true });
  });
});

describe('npm scripts that run long', () => {
  it.each(['start', 'kafka', 'demo', 'bench', 'durability', 'resilience'])('%s takes the place of the shell that npm signals, so that what stops npm stops it', async (name) => {
    const { scripts } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as { scripts: Record<string, string> };
    expect(scripts[name]).toMatch(/&& exec node /);
  });
});
