import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Refused, type Caller } from '@baton/kernel';
import { importJWK, SignJWT, UnsecuredJWT, type JWK } from 'jose';
import { newPrivateJwk, publicPart } from './issuer-keys.js';
import { signAssertion } from './token-request.js';
import { challengeFor, localKeys, remoteKeys, TokenVerifier, type TokenTrust } from './token.js';

const ISSUER = 'https://baton.example';
const AUDIENCE = 'https://baton.example/fhir/R4';
const NOW = new Date('2026-11-20T10:00:00Z');
const seconds = NOW.getTime() / 1000;

const good = { iss: ISSUER, sub: 'safe-zones', aud: AUDIENCE, client_id: 'safe-zones', partner: 'safe-zones', scope: 'system/Task.ru', jti: 'j1', iat: seconds, exp: seconds + 300 };

let key: JWK;
let other: JWK;
let now = NOW;
let trust: TokenTrust;

beforeAll(async () => {
  key = await newPrivateJwk('ES384');
  other = await newPrivateJwk('ES384');
});

beforeEach(async () => {
  now = NOW;
  trust = { issuer: () => ISSUER, audience: () => AUDIENCE, keys: await localKeys({ keys: [publicPart(key)] }), clock: () => now };
});

async function signed(claims: Record<string, unknown>, header: Record<string, unknown> = {}, by: JWK = key): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: by.alg!, kid: key.kid!, typ: 'at+jwt', ...header }).sign((await importJWK(by, by.alg)));
}

const call = (token: string, verifier = new TokenVerifier(trust)): Promise<Caller> => verifier.callerOf({ authorization: `Bearer ${token}` });

async function refusalOf(answer: Promise<unknown>): Promise<Refused> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Refused)) throw new Error(`was not refused: ${String(error)}`);
  return error;
}

describe('an access token', () => {
  it('says who calls; headers say only which request it is', async () => {
    const token = await signed({ ...good, organization: 'Organization/o1' });
    const headers = { authorization: `bearer ${token}`, 'x-request-id': 'req-1', 'x-correlation-id': 'cor-1', 'x-partner': 'rapid-response', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
    expect(await new TokenVerifier(trust).callerOf(headers)).toEqual({
      partner: 'safe-zones',
      client: 'safe-zones',
      organization: 'Organization/o1',
      scopes: ['system/Task.ru'],
      requestId: 'req-1',
      correlationId: 'cor-1',
      traceparent: headers.traceparent,
    });
  });

  it('is remembered until it expires, and not a moment longer', async () => {
    let looked = 0;
    const keys = trust.keys;
    const verifier = new TokenVerifier({ ...trust, keys: (header) => (looked++, keys(header)) });
    const token = await signed(good);
    await call(token, verifier);
    now = new Date(NOW.getTime() + 299_999);
    await call(token, verifier);
    expect(looked).toBe(1);
    now = new Date(NOW.getTime() + 300_000);
    expect((await refusalOf(call(token, verifier))).violations[0].rule).toBe('token-expired');
  });

  const attacks: Record<string, () => Promise<string> | string> = {
    'alg none': () => new UnsecuredJWT(good).encode(),
    'alg none with our header': async () => {
      const [, payload] = (await signed(good)).split('.');
      return `${Buffer.from(JSON.stringify({ alg: 'none', kid: key.kid, typ: 'at+jwt' })).toString('base64url')}.${payload}.`;
    },
    'HS256 with the public key as its secret': async () =>
      new SignJWT(good).setProtectedHeader({ alg: 'HS256', kid: key.kid!, typ: 'at+jwt' }).sign(Buffer.from(JSON.stringify(publicPart(key)))),
    'another key under our kid': () => signed(good, {}, other),
    'a key of another type under our kid': async () => signed(good, {}, await newPrivateJwk('RS256')),
    'an algorithm of the family, but not of the key': async () => signed(good, {}, await newPrivateJwk('ES256')),
    'a key brought along': async () => signed(good, { kid: other.kid, jwk: publicPart(other) }, other),
    'an unknown kid': () => signed(good, { kid: 'nobody' }),
    'no kid': () => signed(good, { kid: undefined }),
    'typ of an assertion': () => signed(good, { typ: 'JWT' }),
    'no typ': () => signed(good, { typ: undefined }),
    'a client assertion': () => signAssertion(key, 'safe-zones', AUDIENCE),
    'another issuer': () => signed({ ...good, iss: 'https://elsewhere.example' }),
    'another audience': () => signed({ ...good, aud: `${AUDIENCE}/` }),
    'no exp': () => signed({ ...good, exp: undefined }),
    'sub and client_id apart': () => signed({ ...good, sub: 'rapid-response' }),
    'Baton itself': () => signed({ ...good, partner: 'baton' }),
    'no partner': () => signed({ ...good, partner: '' }),
    'a partner that is no text': () => signed({ ...good, partner: ['safe-zones'] }),
    'a critical header nobody here knows': async () =>
      new SignJWT(good)
        .setProtectedHeader({ alg: 'ES384', kid: key.kid!, typ: 'at+jwt', crit: ['x'], x: 1 })
        .sign((await importJWK(key, 'ES384')), { crit: { x: true } }),
    'a changed claim': async () => {
      const [header, , signature] = (await signed(good)).split('.');
      return `${header}.${Buffer.from(JSON.stringify({ ...good, partner: 'rapid-response' })).toString('base64url')}.${signature}`;
    },
    'no token at all': () => 'abc',
    'an endless one': () => 'a'.repeat(100_000),
  };

  it.each(Object.keys(attacks))('is refused: %s', async (attack) => {
    const refused = await refusalOf(call(await attacks[attack]!()));
    expect([refused.kind, refused.violations]).toEqual(['unauthenticated', [{ rule: 'token-invalid', says: 'The access token is not valid.' }]]);
    expect(challengeFor(refused)).toBe('Bearer realm="baton", error="invalid_token", error_description="The access token is not valid."');
  });

  it.each([[undefined], ['Basic YTpi'], [['Bearer a', 'Bearer b']], ['Bearer'], ['Bearer a b']])('is taken from one Bearer header only: %j', async (authorization) => {
    const refused = await refusalOf(new TokenVerifier(trust).callerOf({ authorization }));
    expect(refused.kind).toBe('unauthenticated');
    if (authorization === undefined) expect(challengeFor(refused)).toBe('Bearer realm="baton"');
  });

  it('cannot claim what only Baton holds, or scopes that are none', async () => {
    expect((await call(await signed({ ...good, scope: '* system/Task.r system/*.* baton/operate' }))).scopes).toEqual(['system/Task.r', 'baton/operate']);
  });
});

describe('keys of an issuer elsewhere', () => {
  let server: Server;
  let url: string;
  let status = 200;

  beforeAll(async () => {
    server = createServer((_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [publicPart(key)] })));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  });

  afterAll(() => server.close());

  it('verify its tokens, and no others', async () => {
    const verifier = new TokenVerifier({ ...trust, keys: remoteKeys(url) });
    expect((await call(await signed(good), verifier)).partner).toBe('safe-zones');
    expect((await refusalOf(call(await signed(good, {}, other), verifier))).kind).toBe('unauthenticated');
    expect((await refusalOf(call(await signed(good, { kid: 'nobody' }), verifier))).kind).toBe('unauthenticated');
  });

  it('that cannot be fetched are trouble of ours, not of the caller', async () => {
    status = 500;
    expect((await refusalOf(call(await signed(good), new TokenVerifier({ ...trust, keys: remoteKeys(url) })))).kind).toBe('unavailable');
    expect((await refusalOf(call(await signed(good), new TokenVerifier({ ...trust, keys: remoteKeys('http://127.0.0.1:1/') })))).kind).toBe('unavailable');
  });
});
