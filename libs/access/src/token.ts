import { hash } from 'node:crypto';
import { BATON, refuse, systemClock, type Caller, type Clock, type Refused } from '@baton/kernel';
import { createRemoteJWKSet, errors, importJWK, jwtVerify, type CryptoKey, type JWTHeaderParameters, type JWTPayload } from 'jose';
import { ISSUER_ALGORITHMS, type PublicKeys } from './issuer-keys.js';
import { requestIds, type Headers, type RequestIds } from './request-ids.js';
import { isOperatorScope, parseScope } from './scopes.js';

/** `typ` of Baton's access tokens (RFC 9068 §2.1): what keeps a client's assertion from passing as one. */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** How long an access token lives, in seconds (SMART Backend Services: at most 300). */
export const TOKEN_LIFE_SECONDS = 300;

/** The claims of an access token beside the registered ones. */
export interface TokenClaims {
  /** OAuth client id; the same as `sub`. */
  readonly client_id: string;
  /** Partner id of the pathway file. */
  readonly partner: string;
  /** Reference to the Organization that stands for the partner. */
  readonly organization?: string;
  /** Granted scopes, separated by spaces. */
  readonly scope: string;
}

/** Finds the public key a token names by `kid`. @returns undefined where there is no such key */
export type KeySource = (header: JWTHeaderParameters) => Promise<CryptoKey | undefined>;

/** Whose tokens are believed, and for what. */
export interface TokenTrust {
  /** `iss` of the tokens. A function, because the address is known only once the server listens. */
  readonly issuer: () => string;
  /** The FHIR base URL, which tokens must name as `aud`. */
  readonly audience: () => string;
  readonly keys: KeySource;
  readonly clock?: Clock;
}

type Identity = Omit<Caller, 'requestId' | 'correlationId' | 'traceparent'>;

const CACHED_AT_MOST = 10_000;
const TOKEN_AT_MOST = 8_192;

/**
 * Tells who calls, from the access token in the `Authorization` header and from nothing else: tokens in the query
 * string or the body are never looked at. A token once verified is remembered by its hash until it expires.
 */
export class TokenVerifier {
  private readonly verified = new Map<string, { readonly identity: Identity; readonly expires: number }>();
  private readonly clock: Clock;

  constructor(private readonly trust: TokenTrust) {
    this.clock = trust.clock ?? systemClock;
  }

  /**
   * The caller of a request.
   *
   * @param headers of the request, names in lower case
   * @param ids of the request, where they were read before
   * @throws Refused `unauthenticated`: rule `token-missing`, `token-expired` or `token-invalid`; `unavailable`, rule
   *   `issuer-keys-unavailable`, when a remote issuer's keys cannot be fetched
   */
  async callerOf(headers: Headers, ids: RequestIds = requestIds(headers)): Promise<Caller> {
    const token = bearerToken(headers['authorization']);
    const digest = hash('sha256', token, 'base64');
    const known = this.verified.get(digest);
    if (known && known.expires > this.clock().getTime()) return { ...known.identity, ...ids };
    if (known) this.verified.delete(digest);
    const fresh = await this.verify(token);
    this.remember(digest, fresh);
    return { ...fresh.identity, ...ids };
  }

  private async verify(token: string): Promise<{ identity: Identity; expires: number }> {
    try {
      const { payload } = await jwtVerify<TokenClaims>(token, (header) => this.keyFor(header), {
        algorithms: [...ISSUER_ALGORITHMS],
        typ: ACCESS_TOKEN_TYPE,
        issuer: this.trust.issuer(),
        audience: this.trust.audience(),
        requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id', 'partner', 'scope'],
        currentDate: this.clock(),
      });
      return { identity: identityOf(payload), expires: payload.exp! * 1000 };
    } catch (error) {
      throw asRefusal(error);
    }
  }

  private async keyFor(header: JWTHeaderParameters): Promise<CryptoKey> {
    const key = typeof header.kid === 'string' ? await this.trust.keys(header) : undefined;
    if (!key) throw new errors.JWKSNoMatchingKey();
    return key;
  }

  private remember(digest: string, fresh: { identity: Identity; expires: number }): void {
    if (this.verified.size >= CACHED_AT_MOST) {
      // A Map keeps the order of insertion: the first is the oldest, and all live equally long.
      for (const oldest of this.verified.keys()) {
        this.verified.delete(oldest);
        break;
      }
    }
    this.verified.set(digest, fresh);
  }
}

/** Keys held in this process: Baton's own issuer. A key is used with its own algorithm only. */
export async function localKeys(jwks: PublicKeys): Promise<KeySource> {
  const keys = new Map<string, { readonly alg: string | undefined; readonly key: CryptoKey }>();
  for (const jwk of jwks.keys) keys.set(jwk.kid!, { alg: jwk.alg, key: (await importJWK(jwk, jwk.alg)) as CryptoKey });
  return async (header) => {
    const found = keys.get(header.kid!);
    return found?.alg === header.alg ? found?.key : undefined;
  };
}

/**
 * Keys of an issuer elsewhere, fetched when first needed and again when a token names an unknown one (at most every 30 s).
 * The source throws Refused `unavailable` when they cannot be fetched.
 */
export function remoteKeys(jwksUrl: string): KeySource {
  const fetched = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 3_000 });
  return (header) =>
    fetched(header).catch((error: unknown) => {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) return undefined;
      throw refuse('unavailable', 'issuer-keys-unavailable', 'The keys of the token issuer cannot be fetched at present.');
    });
}

/** The value of `WWW-Authenticate` for a 401 (RFC 6750 §3): no error code where no token was sent. */
export function challengeFor(refused: Refused): string {
  const [violation] = refused.violations;
  if (violation.rule === 'token-missing') return 'Bearer realm="baton"';
  return `Bearer realm="baton", error="invalid_token", error_description="${violation.says}"`;
}

function bearerToken(authorization: Headers[string]): string {
  if (authorization === undefined) throw refuse('unauthenticated', 'token-missing', 'Send an access token in the Authorization header.');
  const match = typeof authorization === 'string' && authorization.length <= TOKEN_AT_MOST ? /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization) : null;
  if (!match) throw invalid();
  return match[1]!;
}

function identityOf(payload: JWTPayload & TokenClaims): Identity {
  const { sub, client_id, partner, organization, scope } = payload;
  const texts = [sub, client_id, partner, scope, payload.jti, organization ?? ''];
  // Nobody but Baton itself acts as `baton`, whatever a token says.
  if (texts.some((text) => typeof text !== 'string') || sub !== client_id || !partner || partner === BATON) throw invalid();
  return Object.freeze({
    partner,
    client: client_id,
    scopes: Object.freeze(scope.split(' ').filter((one) => isOperatorScope(one) || parseScope(one) !== undefined)),
    ...(organization === undefined ? {} : { organization }),
  });
}

function asRefusal(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return refuse('unauthenticated', 'token-expired', 'The access token has expired.');
  // jose answers a key that does not fit the algorithm with a TypeError.
  if (error instanceof errors.JOSEError || error instanceof TypeError) return invalid();
  return error;
}

const invalid = (): Refused => refuse('unauthenticated', 'token-invalid', 'The access token is not valid.');
