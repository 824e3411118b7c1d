import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { crashPoint } from '@baton/kernel';
import { importJWK, SignJWT, type JWK } from 'jose';
import { newPrivateJwk } from './issuer-keys.js';
import { keptSecret, readSecret } from './key-file.js';
import { OPERATE, OPERATE_CONTENT } from './scopes.js';

/** What a client needs to ask for a token. */
export interface TokenRequest {
  /** Base URL of the FHIR API, whose discovery document names the token endpoint; or the token endpoint itself. */
  readonly fhirBase?: string;
  readonly tokenUrl?: string;
  /** Partner id, which is also the client id. */
  readonly partner: string;
  /** BATON_HOME, where the demo keys lie; or the partner's own private key. */
  readonly home?: string;
  readonly key?: JWK;
  /** Scopes to ask for; all that Baton may grant by default. */
  readonly scope?: string;
}

/** The answer of the token endpoint to a good request (RFC 6749 §5.1). */
export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: 'bearer';
  readonly expires_in: number;
  readonly scope: string;
}

/** A scope that asks for whatever was granted to the client. */
const ALL_SCOPES = `system/*.cruds ${OPERATE} ${OPERATE_CONTENT}`;

/**
 * The private key of a partner for trying Baton out, made at first use in `<BATON_HOME>/partners/<partner>.jwk.json`
 * (ES384, 0600).
 */
export async function demoKey(home: string, partner: string): Promise<JWK> {
  return keptSecret<JWK>(demoKeyPath(home, partner), () => newPrivateJwk('ES384'));
}

/**
 * Asks for an access token as a partner's system would (SMART Backend Services): signs an assertion and posts it.
 *
 * @throws if the partner has no key under `home`, or the token endpoint refuses; the message holds its answer
 */
export async function requestToken(request: TokenRequest): Promise<TokenResponse> {
  const key = request.key ?? (await keyUnder(request.home ?? '.baton', request.partner));
  const tokenUrl = request.tokenUrl ?? (await discover(request.fhirBase ?? 'http://localhost:8080/fhir/R4'));
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await signAssertion(key, request.partner, tokenUrl),
    scope: request.scope ?? ALL_SCOPES,
  });
  crashPoint('token-request.before-post');
  const response = await fetch(tokenUrl, { method: 'POST', body, redirect: 'error' });
  const answer = (await response.json()) as TokenResponse;
  if (!response.ok) throw new Error(`${tokenUrl} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

/** An assertion by which a client proves who it is; good once, for two minutes. */
export async function signAssertion(key: JWK, client: string, tokenUrl: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: key.alg!, kid: key.kid!, typ: 'JWT' })
    .setIssuer(client)
    .setSubject(client)
    .setAudience(tokenUrl)
    .setIssuedAt(now)
    .setExpirationTime(now + 120)
    .sign((await importJWK(key, key.alg)));
}

async function keyUnder(home: string, partner: string): Promise<JWK> {
  const key = await readSecret<JWK>(demoKeyPath(home, partner));
  if (!key) throw new Error(`${demoKeyPath(home, partner)} does not exist: is "${partner}" a partner of the pathway or "operator", and did Baton start with this BATON_HOME?`);
  return key;
}

async function discover(fhirBase: string): Promise<string> {
  const response = await fetch(`${fhirBase}/.well-known/smart-configuration`);
  const { token_endpoint: found } = (await response.json()) as { token_endpoint?: unknown };
  if (typeof found !== 'string') throw new Error(`${fhirBase} names no token endpoint`);
  return found;
}

function demoKeyPath(home: string, partner: string): string {
  // The id becomes a file name: nothing that could lead out of the folder.
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(partner)) throw new Error(`"${partner}" is not a partner id (small letters, digits, hyphens)`);
  return join(home, 'partners', `${partner}.jwk.json`);
}
