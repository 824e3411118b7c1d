import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILED, freePort } from '@baton/testing';
import { exportJWK, generateKeyPair } from 'jose';

/** Runs a command with nothing but this environment. */
function run(command: string, args: readonly string[], env: Record<string, string>): Promise<{ code: number; out: string; err: string }> {
  const file = fileURLToPath(new URL(`./${command}.js`, import.meta.url));
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file, ...args], { env }, (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }));
  });
}

describe('a command beside Baton says what to do where it cannot do its work', () => {
  let home: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'baton-commands-'));
    await mkdir(join(home, 'partners'));
    const { privateKey } = await generateKeyPair('ES384', { extractable: true });
    await writeFile(join(home, 'partners', 'rapid-response.jwk.json'), JSON.stringify({ ...(await exportJWK(privateKey)), alg: 'ES384', kid: 'k' }), { mode: 0o600 });
    env = { ...COMPILED, BATON_HOME: home, BATON_PORT: String(await freePort()) };
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  it.each([
    ['token', ['rapid-response'], 'Start a Baton first (npm start)'],
    ['parked', ['retry'], 'npm run -s parked -- retry <service>'],
    ['parked', [], 'Start a Baton first (npm start)'],
    ['example', ['adult'], 'Usage: npm run -s example'],
  ])('%s %j', async (command, args, says) => {
    expect(await run(command, args, env)).toEqual({ code: 1, out: '', err: expect.stringContaining(says) });
  });

  it.each(['token', 'parked', 'example', 'dsn', '../../../tests/dist/demo/demo', '../../../tests/dist/durability/run', '../../../infra/kafka/dist/main'])('%s --help says how it is used, and does nothing', async (command) => {
    expect(await run(command, ['--help'], env)).toEqual({ code: 0, out: expect.stringContaining('npm run '), err: '' });
  });
});
