import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditTables1700000000000, demoKey, localKeys, newPrivateJwk, openIssuerKeys, publicPart, requestToken, signAssertion, TokenVerifier } from '@baton/access';
import type { Database } from '@baton/postgres';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { importJWK, SignJWT, UnsecuredJWT, type JWK } from 'jose';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { PARTNER_SCOPES } from './issuer-discovery.js';
import { issuerTables } from './issuer-tables.js';
import { findClient, registerClient, suspendClient } from './issuer.store.js';
import { ASSERTION_TYPE } from './issuer.js';
import { registerDemoPartners } from './partner-keys.service.js';
import { TokenEndpointModule } from './token-endpoint.module.js';
import { TokenEndpoint } from './token-endpoint.service.js';

class Tables1700000000000 implements MigrationInterface {
  readonly name = 'Tables1700000000000';
  up = async (runner: QueryRunner): Promise<void> => void (await runner.query(issuerTables('directory')));
  down = (): Promise<void> => Promise.resolve();
}

let home: string;
let test: TestDatabase;
let db: Database;
let app: NestFastifyApplication;
let base: string;
let tokenUrl: string;
let verifier: TokenVerifier;
let key: JWK;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'baton-issuer-'));
  test = await createTestDatabase();
  await test.open('audit', [AuditTables1700000000000]);
  db = await test.open('directory', [Tables1700000000000]);
  await registerDemoPartners(db, home, [{ id: 'safe-zones', organization: 'Organization/o1' }, { id: 'rapid-response' }, { id: 'stopped' }]);
  key = await demoKey(home, 'safe-zones');
  const keys = await openIssuerKeys(home);
  app = await NestFactory.create<NestFastifyApplication>(TokenEndpointModule.with(new TokenEndpoint({ db, keys, fhirBase: () => base })), new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  base = `${await app.getUrl()}/fhir/R4`;
  tokenUrl = base.replace('/fhir/R4', '/oauth2/token');
  verifier = new TokenVerifier({ issuer: () => base.replace('/fhir/R4', ''), audience: () => base, keys: await localKeys(keys.jwks) });
});

afterAll(async () => {
  await app.close();
  await test.drop();
  await rm(home, { recursive: true });
});

const form = (client_assertion: string, more: Record<string, string> = {}): URLSearchParams =>
  new URLSearchParams({ grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, scope: 'system/*.cruds', client_assertion, ...more });

const post = (body: URLSearchParams, headers: Record<string, string> = {}): Promise<Response> => fetch(tokenUrl, { method: 'POST', body, headers });

const errorOf = async (response: Response): Promise<unknown> => ({ status: response.status, ...((await response.json()) as object) });

const audits = (): Promise<{ partner: string; outcome: string; rule: string | null; request_id: string }[]> =>
  test.admin(`SELECT partner, outcome, rule, request_id FROM audit.entry WHERE interaction = 'token' AND service = 'directory' ORDER BY id`);

const seconds = (): number => Math.floor(Date.now() / 1000);

async function signed(header: Record<string, unknown>, claims: Record<string, unknown>, by: JWK): Promise<string> {
  const all = { iss: 'safe-zones', sub: 'safe-zones', aud: tokenUrl, exp: seconds() + 200, jti: crypto.randomUUID(), ...claims };
  return new SignJWT(all).setProtectedHeader({ alg: by.alg!, kid: by.kid!, ...header }).sign((await importJWK(by, by.alg)));
}

describe('a partner that asks for a token', () => {
  it('finds the endpoint by discovery and gets one that says who it is', async () => {
    const granted = await requestToken({ fhirBase: base, partner: 'safe-zones', home });
    expect(granted).toMatchObject({ token_type: 'bearer', expires_in: 300, scope: [...PARTNER_SCOPES].sort().join(' ') });
    expect(await verifier.callerOf({ authorization: `Bearer ${granted.access_token}`, 'x-request-id': 'r1' })).toEqual({
      partner: 'safe-zones',
      client: 'safe-zones',
      organization: 'Organization/o1',
      scopes: granted.scope.split(' '),
      requestId: 'r1',
      correlationId: 'r1',
    });
  });

  it('is answered exactly as OAuth says, and the answer is not kept', async () => {
    const response = await post(form(await signAssertion(key, 'safe-zones', tokenUrl), { scope: 'system/Task.r system/Task.cruds system/Patient.sr launch' }), { 'x-request-id': 'req-7' });
    expect([response.status, response.headers.get('cache-control'), response.headers.get('pragma'), response.headers.get('x-request-id')]).toEqual([200, 'no-store', 'no-cache', 'req-7']);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.json()).toEqual({ access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/), token_type: 'bearer', expires_in: 300, scope: 'system/Task.rus' });
    expect((await audits()).at(-1)).toEqual({ partner: 'safe-zones', outcome: 'success', rule: null, request_id: 'req-7' });
  });

  it.each(['RS384', 'RS512', 'ES384'])('may sign with %s', async (alg) => {
    const own = await newPrivateJwk(alg);
    await registerClient(db, { clientId: `by-${alg}`, partner: 'safe-zones', scopes: ['system/Task.r'], jwks: { keys: [publicPart(own)] } });
    expect((await requestToken({ tokenUrl, partner: `by-${alg}`, key: own })).scope).toBe('system/Task.r');
  });

  it('gets none of the scopes it does not hold', async () => {
    expect(await errorOf(await post(form(await signAssertion(key, 'safe-zones', tokenUrl), { scope: 'baton/operate system/Organization.cud *' })))).toEqual({
      status: 400,
      error: 'invalid_scope',
      error_description: 'None of the scopes asked for is granted to this client.',
    });
    expect((await audits()).at(-1)).toMatchObject({ outcome: 'refused', rule: 'scope-not-granted' });
  });
});

describe('an assertion', () => {
  it('is good once', async () => {
    const assertion = await signAssertion(key, 'safe-zones', tokenUrl);
    expect((await post(form(assertion))).status).toBe(200);
    expect(await errorOf(await post(form(assertion)))).toEqual({ status: 401, error: 'invalid_client', error_description: 'The assertion was used before.' });
    expect((await audits()).at(-1)).toMatchObject({ outcome: 'refused', rule: 'assertion-replayed' });
  });

  it('is good once also when sent many times at the same moment', async () => {
    const assertion = await signAssertion(key, 'safe-zones', tokenUrl);
    const before = (await audits()).length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(form(assertion))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 401)]);
    expect((await audits()).slice(before).map(({ outcome }) => outcome).sort()).toEqual([...Array.from({ length: 19 }, () => 'refused'), 'success']);
  });

  it('may have the same jti as that of another client', async () => {
    const [mine, theirs] = [key, await demoKey(home, 'rapid-response')];
    expect((await post(form(await signed({}, { jti: 'shared' }, mine)))).status).toBe(200);
    expect((await post(form(await signed({}, { jti: 'shared', iss: 'rapid-response', sub: 'rapid-response' }, theirs)))).status).toBe(200);
  });

  it('that was used is forgotten an hour after it expired, not before', async () => {
    await test.admin(`INSERT INTO directory.assertion_used VALUES ('x', 'old', now() - interval '61 minutes'), ('x', 'young', now() - interval '59 minutes')`);
    await requestToken({ tokenUrl, partner: 'safe-zones', home });
    expect(await test.admin(`SELECT jti FROM directory.assertion_used WHERE iss = 'x'`)).toEqual([{ jti: 'young' }]);
  });

  const attacks: Record<string, () => Promise<string> | string> = {
    'alg none': () => new UnsecuredJWT({ iss: 'safe-zones', sub: 'safe-zones', aud: tokenUrl, exp: seconds() + 60, jti: 'n' }).encode(),
    'a shared secret made of the public key': async () =>
      new SignJWT({ iss: 'safe-zones', sub: 'safe-zones', aud: tokenUrl, exp: seconds() + 60, jti: 'h' }).setProtectedHeader({ alg: 'HS384', kid: key.kid! }).sign(Buffer.from(JSON.stringify(publicPart(key)).padEnd(48))),
    'another key under the kid': async () => signed({ kid: key.kid }, {}, await newPrivateJwk('ES384')),
    'a key of another type under the kid': async () => signed({ kid: key.kid }, {}, await newPrivateJwk('RS384')),
    "another partner's key": async () => signed({}, {}, await demoKey(home, 'rapid-response')),
    "another client's sub": () => signed({}, { sub: 'rapid-response' }, key),
    "another client's iss and sub": () => signed({}, { iss: 'rapid-response', sub: 'rapid-response' }, key),
    'a client that does not exist': () => signed({}, { iss: 'nobody', sub: 'nobody' }, key),
    'a key set of its own choice': () => signed({ jku: 'http://127.0.0.1:1/jwks' }, {}, key),
    'an access token': async () => (await requestToken({ tokenUrl, partner: 'safe-zones', home })).access_token,
    'a suspended client': async () => {
      await suspendClient(db, 'stopped', true);
      return signAssertion(await demoKey(home, 'stopped'), 'stopped', tokenUrl);
    },
    'no JWT': () => 'abc',
    'claims that are no object': async () => signed({}, {}, key).then((jwt) => jwt.replace(/\.[^.]+\./, `.${Buffer.from('[]').toString('base64url')}.`)),
    'a changed claim': async () => signed({}, {}, key).then((jwt) => jwt.replace(/\.[^.]+\./, (part) => `.${Buffer.from(Buffer.from(part, 'base64url').toString().replace('"jti":"', '"jti":"0')).toString('base64url')}.`)),
  };

  it.each(Object.keys(attacks))('proves nothing: %s', async (attack) => {
    expect(await errorOf(await post(form(await attacks[attack]!())))).toEqual({ status: 401, error: 'invalid_client', error_description: 'The client could not be authenticated.' });
  });

  it('that expires too far ahead is refused with the reason', async () => {
    expect(await errorOf(await post(form(await signed({}, { exp: seconds() + 600 }, key))))).toEqual({ status: 401, error: 'invalid_client', error_description: 'exp must be at most 5 minutes ahead.' });
  });

  it('is no access token', async () => {
    const assertion = await signAssertion(key, 'safe-zones', base);
    await expect(verifier.callerOf({ authorization: `Bearer ${assertion}` })).rejects.toMatchObject({ kind: 'unauthenticated' });
  });
});

describe('the token endpoint', () => {
  it('takes a form in the body, nothing else', async () => {
    const assertion = await signAssertion(key, 'safe-zones', tokenUrl);
    const asQuery = await fetch(`${tokenUrl}?${form(assertion).toString()}`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expect(await errorOf(asQuery)).toEqual({ status: 400, error: 'invalid_request', error_description: 'grant_type is missing.' });
    const asJson = await fetch(tokenUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(Object.fromEntries(form(assertion))) });
    expect(await errorOf(asJson)).toMatchObject({ status: 400, error: 'invalid_request' });
    const byGet = await fetch(`${tokenUrl}?${form(assertion).toString()}`);
    expect([byGet.headers.get('allow'), await errorOf(byGet)]).toEqual(['POST', { status: 405, error: 'invalid_request', error_description: 'Use POST.' }]);
    expect((await post(form(assertion))).status).toBe(200);
  });

  it('refuses a repeated parameter', async () => {
    const body = form(await signAssertion(key, 'safe-zones', tokenUrl));
    body.append('scope', 'baton/operate');
    expect(await errorOf(await post(body))).toMatchObject({ status: 400, error: 'invalid_request' });
  });

  it('serves the public keys, and only those', async () => {
    const { keys } = (await (await fetch(base.replace('/fhir/R4', '/oauth2/jwks'))).json()) as { keys: JWK[] };
    expect(keys.map((one) => Object.keys(one).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']]);
  });
});

describe('registering partners again', () => {
  it('lifts no suspension and keeps a key that a partner registered itself', async () => {
    const own = publicPart(await newPrivateJwk('RS384'));
    await registerClient(db, { clientId: 'rapid-response', partner: 'rapid-response', scopes: ['system/Task.r'], jwks: { keys: [own] } });
    await suspendClient(db, 'stopped', true);
    await registerDemoPartners(db, home, [{ id: 'rapid-response' }, { id: 'stopped', organization: 'Organization/o9' }]);
    expect((await findClient(db, 'rapid-response'))?.jwks.keys).toEqual([own]);
    expect(await findClient(db, 'stopped')).toMatchObject({ suspended: true, organization: 'Organization/o9' });
  });

  it('never makes a client that acts as Baton', async () => {
    await expect(registerDemoPartners(db, home, [{ id: 'baton' }])).rejects.toThrow(/client_partner_check/);
  });
});
