import type { JSONWebKeySet, JWK } from 'jose';

/**
 * The rules by which Baton's issuer hands out access tokens: SMART Backend Services 2 (`client_credentials` with
 * `private_key_jwt`, RFC 7523). Nothing here touches a database, a key or a clock.
 */

/** A system of a partner that may ask for tokens. */
export interface Client {
  readonly clientId: string;
  /** Partner id of the pathway file: what every token of this client says. */
  readonly partner: string;
  /** Reference to the Organization that stands for the partner. */
  readonly organization?: string;
  /** SMART v2 scopes it may ask for. */
  readonly scopes: readonly string[];
  /** Its public keys. */
  readonly jwks: JSONWebKeySet;
  readonly suspended: boolean;
}

/** Client id of the operator that is there from the first start on. No partner may be called so. */
export const OPERATOR = 'operator';

/** Error codes of RFC 6749 §5.2 that this endpoint gives. */
export type OAuthError = 'invalid_request' | 'invalid_client' | 'unsupported_grant_type' | 'invalid_scope';

/** A token request that is refused. `rule` is for the audit; the client gets the code and the description. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';

  constructor(
    readonly error: OAuthError,
    readonly rule: string,
    readonly description: string,
  ) {
    super(rule);
  }
}

/** Algorithms by which clients may sign: SMART's two, and RS512, which NHS England uses. */
export const ASSERTION_ALGORITHMS = ['RS384', 'ES384', 'RS512'] as const;

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** The furthest an assertion may expire, in seconds from now (SMART Backend Services). */
const ASSERTION_LIFE = 300;

/** How far a client's clock may be ahead in `iat` and `nbf`, in seconds. `exp` gets no such allowance. */
const CLOCK_SKEW = 60;

/** A token request as far as its form goes. */
export interface TokenForm {
  readonly assertion: string;
  readonly scopes: readonly string[];
  readonly clientId?: string;
}

/** Reads the form of a token request. @throws TokenRefused */
export function readTokenForm(form: URLSearchParams): TokenForm {
  for (const name of form.keys()) {
    if (form.getAll(name).length > 1) throw new TokenRefused('invalid_request', 'parameter-repeated', 'A parameter is repeated.');
  }
  const grant = form.get('grant_type');
  if (!grant) throw new TokenRefused('invalid_request', 'grant-type-missing', 'grant_type is missing.');
  if (grant !== 'client_credentials') throw new TokenRefused('unsupported_grant_type', 'grant-type-unsupported', 'grant_type must be client_credentials.');
  if (form.get('client_assertion_type') !== ASSERTION_TYPE) {
    throw new TokenRefused('invalid_request', 'assertion-type-unsupported', `client_assertion_type must be ${ASSERTION_TYPE}.`);
  }
  const assertion = form.get('client_assertion');
  if (!assertion) throw new TokenRefused('invalid_request', 'assertion-missing', 'client_assertion is missing.');
  const scopes = (form.get('scope') ?? '').split(' ').filter(Boolean);
  if (scopes.length === 0) throw new TokenRefused('invalid_scope', 'scope-missing', 'scope is missing.');
  const clientId = form.get('client_id');
  return { assertion, scopes, ...(clientId === null ? {} : { clientId }) };
}

/** Members of a JOSE header by which a signer would bring its own key along. */
const KEY_BEARING = ['jku', 'jwk', 'x5u', 'x5c'] as const;

/**
 * The registered key that an assertion's header names. Only registered keys count, each with the algorithm it is for:
 * a header that points elsewhere (`jku`, `jwk`, `x5u`, `x5c`) is refused, not followed.
 *
 * @throws TokenRefused `invalid_client`
 */
export function keyForAssertion(header: Readonly<Record<string, unknown>>, jwks: JSONWebKeySet): JWK {
  const { alg, kid, typ } = header;
  if (!(ASSERTION_ALGORITHMS as readonly unknown[]).includes(alg)) throw notAuthenticated('assertion-algorithm');
  if (KEY_BEARING.some((member) => header[member] !== undefined)) throw notAuthenticated('assertion-brings-key');
  // Keeps an access token (`at+jwt`), or any other kind of JWT, from passing as an assertion.
  if (typ !== undefined && !(typeof typ === 'string' && /^(jwt|client-authentication\+jwt)$/i.test(typ))) throw notAuthenticated('assertion-type');
  const named = jwks.keys.filter((key) => key.kid === kid);
  const [key] = named;
  if (typeof kid !== 'string' || !key || named.length > 1) throw notAuthenticated('assertion-key-unknown');
  if (key.alg !== undefined && key.alg !== alg) throw notAuthenticated('assertion-algorithm');
  if (key.kty !== (alg === 'ES384' ? 'EC' : 'RSA')) throw notAuthenticated('assertion-algorithm');
  return key;
}

/** What a good assertion says. `expires` in seconds since 1970. */
export interface AssertionClaims {
  readonly jti: string;
  readonly expires: number;
}

/**
 * Judges the claims of an assertion whose signature was found good.
 *
 * @throws TokenRefused `invalid_client`
 */
export function judgeClaims(claims: Readonly<Record<string, unknown>>, expected: { clientId: string; tokenUrl: string; now: Date }): AssertionClaims {
  const now = Math.floor(expected.now.getTime() / 1000);
  const { iss, sub, aud, exp, iat, nbf, jti } = claims;
  if (iss !== expected.clientId || sub !== expected.clientId) throw notAuthenticated('assertion-subject');
  // One audience, and this one: an assertion that others may also accept could have been passed on by them.
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (audience !== expected.tokenUrl) throw notAuthenticated('assertion-audience', 'aud must be the URL of the token endpoint.');
  if (!isTime(exp) || exp <= now) throw notAuthenticated('assertion-expired', 'The assertion has expired.');
  if (exp > now + ASSERTION_LIFE) throw notAuthenticated('assertion-too-long', 'exp must be at most 5 minutes ahead.');
  for (const time of [iat, nbf]) {
    if (time !== undefined && (!isTime(time) || time > now + CLOCK_SKEW)) throw notAuthenticated('assertion-not-yet', 'iat and nbf must not lie ahead.');
  }
  if (typeof jti !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(jti)) throw notAuthenticated('assertion-id', 'jti must be 1 to 255 printable characters.');
  return { jti, expires: exp };
}

/**
 * The client an assertion claims to come from, before anything about it is believed.
 *
 * @throws TokenRefused `invalid_client`
 */
export function claimedClient(claims: Readonly<Record<string, unknown>>, form: TokenForm): string {
  const { iss, sub } = claims;
  if (typeof iss !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(iss) || iss !== sub) throw notAuthenticated('assertion-subject');
  if (form.clientId !== undefined && form.clientId !== iss) throw notAuthenticated('assertion-subject');
  return iss;
}

/** A refusal that tells a stranger nothing unless the assertion was signed by a registered key. */
export const notAuthenticated = (rule: string, description = 'The client could not be authenticated.'): TokenRefused => new TokenRefused('invalid_client', rule, description);

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
