import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openIssuerKeys, publicPart } from './issuer-keys.js';
import { keptSecret } from './key-file.js';
import { Sealer } from './sealed.js';
import { demoKey } from './token-request.js';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'baton-keys-'));
});

afterEach(() => rm(home, { recursive: true }));

describe('key files', () => {
  it('are made once, however many start at the same time', async () => {
    const path = join(home, 'keys', 'x.json');
    const made = await Promise.all(Array.from({ length: 20 }, (_, n) => keptSecret(path, () => ({ n }))));
    expect(new Set(made.map(({ n }) => n)).size).toBe(1);
    expect(await readdir(join(home, 'keys'))).toEqual(['x.json']);
  });

  it('are for their owner only, and refused where others may read them', async () => {
    await openIssuerKeys(home);
    const path = join(home, 'keys', 'issuer.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(home, 'keys'))).mode & 0o777).toBe(0o700);
    await chmod(path, 0o644);
    await expect(openIssuerKeys(home)).rejects.toThrow(/may be read by others/);
  });

  it('that are broken are named, and never quoted', async () => {
    const path = join(home, 'x.json');
    await writeFile(path, '{"d":"very-secret"', { mode: 0o600 });
    const error: Error = await keptSecret(path, () => ({})).then(
      () => new Error('was read'),
      (thrown: Error) => thrown,
    );
    expect(error.message).toContain(path);
    expect(error.message).not.toContain('secret');
  });
});

describe('the issuer', () => {
  it('keeps its key over restarts and shows only the public part', async () => {
    const [first, second] = [await openIssuerKeys(home), await openIssuerKeys(home)];
    expect(second.jwks).toEqual(first.jwks);
    expect(first.signing.alg).toBe('ES384');
    expect(Object.keys(first.jwks.keys[0]!).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  it('signs with the first key of its file and verifies with all', async () => {
    await openIssuerKeys(home);
    const path = join(home, 'keys', 'issuer.json');
    const { keys } = JSON.parse(await readFile(path, 'utf8')) as { keys: { kid: string }[] };
    await writeFile(path, JSON.stringify({ keys: [await demoKey(home, 'next'), ...keys] }), { mode: 0o600 });
    const { signing, jwks } = await openIssuerKeys(home);
    expect(jwks.keys.map(({ kid }) => kid)).toEqual([signing.kid, keys[0]!.kid]);
    expect(signing.kid).not.toBe(keys[0]!.kid);
  });

  it('does not start with a key of another kind', async () => {
    await keptSecret(join(home, 'keys', 'issuer.json'), async () => ({ keys: [publicPart(await demoKey(home, 'x'))] }));
    await expect(openIssuerKeys(home)).rejects.toThrow(/private EC keys/);
  });
});

describe('demo keys', () => {
  it.each(['../issuer', 'a/b', '', '.', 'A', 'x'.repeat(64)])('are not made for %j', async (partner) => {
    await expect(demoKey(home, partner)).rejects.toThrow(/not a partner id/);
  });
});

describe('sealed values', () => {
  it('open again, in their place only', async () => {
    const sealer = await Sealer.open(home);
    const sealed = sealer.seal('Bearer geheim ✓', 'Subscription/1/headers');
    expect(sealed).not.toContain('geheim');
    expect((await Sealer.open(home)).unseal(sealed, 'Subscription/1/headers')).toBe('Bearer geheim ✓');
    expect(() => sealer.unseal(sealed, 'Subscription/2/headers')).toThrow(/another place/);
  });

  it('are never the same twice', async () => {
    const sealer = await Sealer.open(home);
    expect(sealer.seal('a', 'p')).not.toBe(sealer.seal('a', 'p'));
  });

  it('do not open with any byte changed, or cut short', async () => {
    const sealer = await Sealer.open(home);
    const [version, id, body] = sealer.seal('abc', 'p').split('.') as [string, string, string];
    const bytes = Buffer.from(body, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(() => sealer.unseal([version, id, changed.toString('base64url')].join('.'), 'p')).toThrow();
      expect(() => sealer.unseal([version, id, bytes.subarray(0, at).toString('base64url')].join('.'), 'p')).toThrow();
    }
  });

  it('of an older key open after rotation, and are known to be stale', async () => {
    const before = (await Sealer.open(home)).seal('abc', 'p');
    await Sealer.rotate(home);
    const after = await Sealer.open(home);
    expect(after.unseal(before, 'p')).toBe('abc');
    expect([after.isStale(before), after.isStale(after.seal('abc', 'p'))]).toEqual([true, false]);
  });
});
