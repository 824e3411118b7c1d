import { parseScope } from '@baton/access';
import type { JSONWebKeySet } from 'jose';
import { PARTNER_SCOPES, smartConfiguration } from './issuer-discovery.js';
import { ASSERTION_TYPE, claimedClient, judgeClaims, keyForAssertion, readTokenForm, TokenRefused } from './issuer.js';

const TOKEN_URL = 'https://baton.example/oauth2/token';
const now = new Date('2026-11-20T10:00:00Z');
const seconds = now.getTime() / 1000;

function refusalOf(act: () => unknown): Pick<TokenRefused, 'error' | 'rule'> | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error;
    return { error: error.error, rule: error.rule };
  }
}

describe('the form of a token request', () => {
  const good = { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, client_assertion: 'a.b.c', scope: 'system/Task.r system/Flag.r' };
  const read = (form: Record<string, string | undefined>) => () => readTokenForm(new URLSearchParams(Object.entries(form).filter((pair): pair is [string, string] => pair[1] !== undefined)));

  it('gives the assertion and the scopes', () => {
    expect(read(good)()).toEqual({ assertion: 'a.b.c', scopes: ['system/Task.r', 'system/Flag.r'] });
  });

  it.each([
    ['grant_type', undefined, 'invalid_request', 'grant-type-missing'],
    ['grant_type', 'authorization_code', 'unsupported_grant_type', 'grant-type-unsupported'],
    ['client_assertion_type', undefined, 'invalid_request', 'assertion-type-unsupported'],
    ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer', 'invalid_request', 'assertion-type-unsupported'],
    ['client_assertion', undefined, 'invalid_request', 'assertion-missing'],
    ['client_assertion', '', 'invalid_request', 'assertion-missing'],
    ['scope', undefined, 'invalid_scope', 'scope-missing'],
    ['scope', '  ', 'invalid_scope', 'scope-missing'],
  ])('with %s = %j is refused as %s', (name, value, error, rule) => {
    expect(refusalOf(read({ ...good, [name]: value }))).toEqual({ error, rule });
  });

  it('may not repeat a parameter', () => {
    const form = new URLSearchParams(good);
    form.append('scope', 'system/*.cruds');
    expect(refusalOf(() => readTokenForm(form))).toEqual({ error: 'invalid_request', rule: 'parameter-repeated' });
  });
});

describe('the header of an assertion', () => {
  const jwks: JSONWebKeySet = {
    keys: [
      { kid: 'ec', kty: 'EC', alg: 'ES384' },
      { kid: 'rsa', kty: 'RSA' },
      { kid: 'twice', kty: 'RSA' },
      { kid: 'twice', kty: 'EC' },
      { kty: 'EC' },
    ],
  };

  it.each([
    ['ES384', 'ec'],
    ['RS384', 'rsa'],
    ['RS512', 'rsa'],
  ])('may say %s with a key for it', (alg, kid) => {
    expect(keyForAssertion({ alg, kid, typ: 'JWT' }, jwks).kid).toBe(kid);
    expect(keyForAssertion({ alg, kid }, jwks).kid).toBe(kid);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['none', { alg: 'none', kid: 'ec' }, 'assertion-algorithm'],
    ['a shared secret', { alg: 'HS384', kid: 'ec' }, 'assertion-algorithm'],
    ['RS256', { alg: 'RS256', kid: 'rsa' }, 'assertion-algorithm'],
    ['ES256', { alg: 'ES256', kid: 'ec' }, 'assertion-algorithm'],
    ['no alg', { kid: 'ec' }, 'assertion-algorithm'],
    ['an alg that is a list', { alg: ['ES384'], kid: 'ec' }, 'assertion-algorithm'],
    ['an RSA algorithm for an EC key', { alg: 'RS384', kid: 'ec' }, 'assertion-algorithm'],
    ['an EC algorithm for an RSA key', { alg: 'ES384', kid: 'rsa' }, 'assertion-algorithm'],
    ['no kid', { alg: 'ES384' }, 'assertion-key-unknown'],
    ['an unknown kid', { alg: 'ES384', kid: 'x' }, 'assertion-key-unknown'],
    ['a kid that two keys have', { alg: 'ES384', kid: 'twice' }, 'assertion-key-unknown'],
    ['a key set elsewhere', { alg: 'ES384', kid: 'ec', jku: 'https://evil.example/jwks' }, 'assertion-brings-key'],
    ['its own key', { alg: 'ES384', kid: 'ec', jwk: {} }, 'assertion-brings-key'],
    ['a certificate', { alg: 'ES384', kid: 'ec', x5c: [] }, 'assertion-brings-key'],
    ['a certificate elsewhere', { alg: 'ES384', kid: 'ec', x5u: 'https://evil.example/' }, 'assertion-brings-key'],
    ['the type of an access token', { alg: 'ES384', kid: 'ec', typ: 'at+jwt' }, 'assertion-type'],
    ['a type that is no text', { alg: 'ES384', kid: 'ec', typ: 1 }, 'assertion-type'],
  ])('with %s is refused', (_, header, rule) => {
    expect(refusalOf(() => keyForAssertion(header, jwks))).toEqual({ error: 'invalid_client', rule });
  });
});

describe('the claims of an assertion', () => {
  const good = { iss: 'safe-zones', sub: 'safe-zones', aud: TOKEN_URL, exp: seconds + 300, jti: 'j1' };
  const judge = (more: Record<string, unknown>) => () => judgeClaims({ ...good, ...more }, { clientId: 'safe-zones', tokenUrl: TOKEN_URL, now });

  it.each<[string, Record<string, unknown>]>([
    ['exactly five minutes ahead', {}],
    ['a second ahead', { exp: seconds + 1 }],
    ['a list of one audience', { aud: [TOKEN_URL] }],
    ['a clock somewhat ahead', { iat: seconds + 60, nbf: seconds + 60 }],
  ])('are good with %s', (_, more) => {
    expect(judge(more)()).toEqual({ jti: 'j1', expires: (more['exp'] as number | undefined) ?? seconds + 300 });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['another subject', { sub: 'rapid-response' }, 'assertion-subject'],
    ['another issuer', { iss: 'rapid-response' }, 'assertion-subject'],
    ['another audience', { aud: 'https://baton.example/fhir/R4' }, 'assertion-audience'],
    ['a second audience', { aud: [TOKEN_URL, 'https://elsewhere.example'] }, 'assertion-audience'],
    ['no audience', { aud: undefined }, 'assertion-audience'],
    ['no audience in a list', { aud: [] }, 'assertion-audience'],
    ['a slash too many', { aud: `${TOKEN_URL}/` }, 'assertion-audience'],
    ['its time just over', { exp: seconds }, 'assertion-expired'],
    ['no exp', { exp: undefined }, 'assertion-expired'],
    ['exp as text', { exp: String(seconds + 60) }, 'assertion-expired'],
    ['exp beyond numbers', { exp: Infinity }, 'assertion-expired'],
    ['exp a second too far', { exp: seconds + 301 }, 'assertion-too-long'],
    ['iat ahead', { iat: seconds + 61 }, 'assertion-not-yet'],
    ['nbf ahead', { nbf: seconds + 61 }, 'assertion-not-yet'],
    ['nbf as text', { nbf: 'now' }, 'assertion-not-yet'],
    ['no jti', { jti: undefined }, 'assertion-id'],
    ['an empty jti', { jti: '' }, 'assertion-id'],
    ['a jti with a NUL', { jti: 'a\0' }, 'assertion-id'],
    ['an endless jti', { jti: 'x'.repeat(256) }, 'assertion-id'],
    ['a jti that is no text', { jti: 1 }, 'assertion-id'],
  ])('are refused with %s', (_, more, rule) => {
    expect(refusalOf(judge(more))).toEqual({ error: 'invalid_client', rule });
  });

  it.each<[string, Record<string, unknown>, string | undefined]>([
    ['apart', { iss: 'a', sub: 'b' }, undefined],
    ['no texts', { iss: { a: 1 }, sub: { a: 1 } }, undefined],
    ['missing', {}, undefined],
    ['not those of the form', { iss: 'a', sub: 'a' }, 'b'],
    ['line breaks', { iss: 'a\nb', sub: 'a\nb' }, undefined],
  ])('name no client when iss and sub are %s', (_, claims, clientId) => {
    expect(refusalOf(() => claimedClient(claims, { assertion: '', scopes: [], ...(clientId === undefined ? {} : { clientId }) }))).toEqual({ error: 'invalid_client', rule: 'assertion-subject' });
  });
});

describe('the discovery document', () => {
  it('follows from the base URL alone', () => {
    expect(smartConfiguration('https://baton.example/fhir/R4')).toEqual({
      issuer: 'https://baton.example',
      jwks_uri: 'https://baton.example/oauth2/jwks',
      token_endpoint: TOKEN_URL,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['RS384', 'ES384', 'RS512'],
      scopes_supported: [...PARTNER_SCOPES, 'baton/operate', 'baton/operate-content'],
      capabilities: ['client-confidential-asymmetric', 'permission-v2'],
    });
  });

  it('names scopes in the order that SMART fixes', () => {
    expect(PARTNER_SCOPES.filter((scope) => !parseScope(scope))).toEqual([]);
  });
});
