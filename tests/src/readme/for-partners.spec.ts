import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { COMPILED, webhookReceiver } from '@baton/testing';
import { startBaton, type BatonUnderTest } from '../baton-under-test.js';
import { PartnerSystem, subscriptionOf } from '../partner-system.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

type IsSigned = (headers: Readonly<Record<string, unknown>>, body: Buffer, secret: string) => boolean;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What bash says when these lines are pasted into it. */
function bash(script: string, env: Readonly<Record<string, string>>): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: ROOT, env: { ...COMPILED, ...process.env, ...env }, timeout: 100_000 });
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
    child.on('close', (code) => resolve({ code, ...said }));
  });
}

describe('the page for partners', () => {
  let baton: BatonUnderTest;
  let folder: string;
  let page: string;
  beforeAll(async () => {
    page = await readFile(`${ROOT}docs/for-partners.md`, 'utf8');
    folder = await mkdtemp(join(tmpdir(), 'baton-partner-'));
    // The first line of each program says what it is kept as.
    for (const [, block = '', name = ''] of page.matchAll(/^```js\n(\/\/ (\S+\.mjs).*?)^```$/gms)) await writeFile(join(folder, name), block);
    baton = await startBaton();
  });
  afterAll(async () => {
    await baton?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('has a verifier that knows what Baton signed, by the new secret and by the one before, from what it did not', async () => {
    const { isSigned } = (await import(pathToFileURL(join(folder, 'verify.mjs')).href)) as { isSigned: IsSigned };
    const partner = new PartnerSystem(baton, 'safe-zones');
    const newSecret = async (): Promise<string> => (await partner.post('/api/notifications/v1/signing-secrets', {}, { 'content-type': 'application/json' })).body.secret;
    const [before, now] = [await newSecret(), await newSecret()];
    const receiver = await webhookReceiver();
    expect((await partner.post('Subscription', subscriptionOf('alert', receiver.url, 'id-only'))).status).toBe(201);
    const [handshake] = await receiver.waitFor(1);
    await receiver.close();
    const headers = { ...handshake!.headers };
    const body = Buffer.from(handshake!.body);
    expect(String(headers['webhook-signature']).split(' ')).toHaveLength(2);
    expect([now, before].map((secret) => isSigned(headers, body, secret))).toEqual([true, true]);
    const old = { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 301) };
    const { 'webhook-timestamp': _none, ...timeless } = headers;
    expect([
      isSigned(headers, body, `whsec_${Buffer.alloc(32, 7).toString('base64')}`),
      isSigned(headers, Buffer.from(`${handshake!.body} `), now),
      isSigned(old, body, now),
      isSigned(timeless, body, now),
      isSigned({}, body, now),
    ]).toEqual([false, false, false, false, false]);
  });

  it('works when it is pasted, and shows what it says', async () => {
    const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block.replace(/node (\w+\.mjs)/g, `node ${folder}/$1`));
    const promised = blocks.flatMap((block) => [...block.matchAll(/^# → (.*)$/gm)].map(([, line]) => line!));
    expect(promised.length).toBeGreaterThan(3);
    // Who pastes sees a notification come before going on to the next block.
    const told = join(folder, 'told.txt');
    const came = (type: string): string => `for _ in $(seq 200); do grep -q ${type} ${told} && break || sleep 0.1; done\n`;
    const waiting = blocks.map((block) => {
      const awaited = /^# → (handshake|event-notification)/m.exec(block)?.[1];
      return block.replace(/^(node \S+receiver\.mjs .*) &$/m, `$1 > >(tee ${told}) &`) + (awaited === undefined ? '' : came(awaited));
    });
    const { code, out, err } = await bash(waiting.join('\n'), { BATON_PORT: new URL(baton.address).port, BATON_HOME: baton.home, RECEIVER_PORT: String(await freePort()) });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.trimEnd().split('\n').sort()).toEqual([...promised].sort());
  }, 120_000);
});
