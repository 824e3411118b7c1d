import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, freePort } from '@baton/testing';

describe('a Baton that is asked to stop while it starts', () => {
  let home: string;
  beforeAll(async () => void (home = await mkdtemp(join(tmpdir(), 'baton-main-'))));
  afterAll(() => rm(home, { recursive: true, force: true }));

  it('ends by itself, in order, and leaves no PostgreSQL behind', async () => {
    const main = fileURLToPath(new URL('./main.js', import.meta.url));
    const child = spawn(process.execPath, [main], { env: { BATON_HOME: home, BATON_PORT: String(await freePort()) }, stdio: 'ignore' });
    const ended = once(child, 'exit');
    // PostgreSQL runs: the roles and tables are being made.
    const server = await eventually(async () => Number((await readFile(join(home, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]));
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(() => process.kill(server, 0)).toThrow('ESRCH');
  }, 60_000);
});
