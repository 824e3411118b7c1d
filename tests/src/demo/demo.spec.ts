import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pathway } from '@baton/contracts';
import { COMPILED, freePort } from '@baton/testing';
import { EXPECTED } from './ledger.js';

const DEMO = fileURLToPath(new URL('./demo.js', import.meta.url));
const GREATER_MANCHESTER = fileURLToPath(new URL('../../../contracts/pathways/greater-manchester.json', import.meta.url));

/** Runs the demonstration as `npm run demo` does, where the user has nothing but the repository. */
function demo(env: Record<string, string>): Promise<{ code: number; shown: string }> {
  const { DATABASE_URL: _url, FORCE_COLOR: _colour, ...rest } = process.env;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [DEMO], { env: { ...COMPILED, ...rest, ...env } }, (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, shown: stdout + stderr }));
  });
}

describe('the demonstration', () => {
  let folder: string;
  let other: Server;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'baton-demo-spec-'));
    other = createServer((_request, response) => response.end('something else')).listen(0, '127.0.0.1');
    await once(other, 'listening');
  });
  afterAll(async () => {
    other.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows a referral go to the charity and the answer come back, also where the port is taken by something else', async () => {
    const { port } = other.address() as AddressInfo;
    const { code, shown } = await demo({ BATON_PORT: String(port), BATON_HOME: join(folder, 'none') });
    expect({ code, shown }).toEqual({ code: 0, shown: expect.stringContaining(`All ${Object.keys(EXPECTED).length} as they should be`) });
    expect(shown).toContain(`Port ${port} is taken by something else`);
    expect(shown.match(/✗|–/g)).toBeNull();
    expect(Math.max(...shown.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    // Not a terminal: no colours.
    expect(shown).not.toContain('\u001b');
  }, 150_000);

  it('fails, and says why, when the route of the referral is closed', async () => {
    const pathway = JSON.parse(await readFile(GREATER_MANCHESTER, 'utf8')) as Pathway;
    const services = pathway.services.map((service) => ({ ...service, routes: service.routes.map((route) => (service.id === 'safe-zones' && route.from === 'rapid-response-team' ? { ...route, closes: '2026-01-01' } : route)) }));
    const closed = join(folder, 'closed.json');
    await writeFile(closed, JSON.stringify({ ...pathway, services }));
    const { code, shown } = await demo({ BATON_PORT: String(await freePort()), BATON_PATHWAY: closed });
    expect({ code, shown: shown.replace(/\s+/g, ' ') }).toEqual({ code: 1, shown: expect.stringContaining('Safe Zones takes no referrals from you (Rapid Response Team) since 2026-01-01.') });
    expect(shown).toContain(`0 of ${Object.keys(EXPECTED).length} as they should be`);
  }, 150_000);
});
