import { ACCESS_TOKEN_TYPE, auditOf, grantsOf, intersect, issuerAddresses, scopesOf, TOKEN_LIFE_SECONDS, writeAudit, type Audited, type IssuerKeys, type PublicKeys, type RequestIds, type TokenClaims } from '@baton/access';
import { newId, systemClock, type Clock } from '@baton/kernel';
import type { Reader } from '@baton/postgres';
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from 'jose';
import { smartConfiguration } from './issuer-discovery.js';
import { findClient, useAssertion } from './issuer.store.js';
import { claimedClient, judgeClaims, keyForAssertion, notAuthenticated, readTokenForm, TokenRefused, type AssertionClaims, type Client } from './issuer.js';

/** A good answer of the token endpoint (RFC 6749 §5.1). */
export interface TokenGranted {
  readonly access_token: string;
  readonly token_type: 'bearer';
  readonly expires_in: number;
  readonly scope: string;
}

export interface TokenEndpointOptions {
  /** The directory's database. */
  readonly db: Reader;
  readonly keys: IssuerKeys;
  /** The FHIR base URL as partners see it; a function, because the port is known only once the server listens. */
  readonly fhirBase: () => string;
  readonly clock?: Clock;
}

/** Baton's issuer: checks who a client is, and signs access tokens. */
export class TokenEndpoint {
  private readonly clock: Clock;

  constructor(private readonly options: TokenEndpointOptions) {
    this.clock = options.clock ?? systemClock;
  }

  /** The public keys by which tokens are verified. */
  get jwks(): PublicKeys {
    return this.options.keys.jwks;
  }

  /** The discovery document. */
  discovery(): Record<string, unknown> {
    return smartConfiguration(this.options.fhirBase());
  }

  /**
   * Answers a token request.
   *
   * @throws TokenRefused with the OAuth error
   */
  async grant(body: URLSearchParams, ids: RequestIds): Promise<TokenGranted> {
    const form = readTokenForm(body);
    const { header, clientId } = decoded(() => ({ header: decodeProtectedHeader(form.assertion), clientId: claimedClient(decodeJwt(form.assertion), form) }));
    const client = await findClient(this.options.db, clientId);
    if (!client) throw notAuthenticated('client-unknown');
    try {
      const claims = await this.authenticate(client, form.assertion, header);
      const scopes = scopesOf(intersect(grantsOf(form.scopes), grantsOf(client.scopes)));
      await this.useUp(client, claims, scopes, ids);
      return await this.sign(client, scopes);
    } catch (error) {
      if (error instanceof TokenRefused && error.rule !== NOTHING_GRANTED) await writeAudit(this.options.db, [entryOf(client, ids, { outcome: 'refused', rule: error.rule })]);
      throw error;
    }
  }

  private async authenticate(client: Client, assertion: string, header: Readonly<Record<string, unknown>>): Promise<AssertionClaims> {
    if (client.suspended) throw notAuthenticated('client-suspended');
    const jwk = keyForAssertion(header, client.jwks);
    const { payload } = await importJWK(jwk, header['alg'] as string)
      .then((key) => compactVerify(assertion, key, { algorithms: [header['alg'] as string] }))
      .catch(() => {
        throw notAuthenticated('assertion-signature');
      });
    const claims = decoded(() => JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>);
    return judgeClaims(claims, { clientId: client.clientId, tokenUrl: issuerAddresses(this.options.fhirBase()).tokenUrl, now: this.clock() });
  }

  private async useUp(client: Client, claims: AssertionClaims, scopes: readonly string[], ids: RequestIds): Promise<void> {
    const nothing = scopes.length === 0;
    const entry = entryOf(client, ids, nothing ? { outcome: 'refused', rule: NOTHING_GRANTED } : {});
    const { trusted, fresh } = await useAssertion(this.options.db, client.clientId, claims, entry);
    if (!trusted) throw notAuthenticated('client-suspended');
    if (!fresh) throw notAuthenticated('assertion-replayed', 'The assertion was used before.');
    if (nothing) throw new TokenRefused('invalid_scope', NOTHING_GRANTED, 'None of the scopes asked for is granted to this client.');
  }

  private async sign(client: Client, scopes: readonly string[]): Promise<TokenGranted> {
    const { signing } = this.options.keys;
    const fhirBase = this.options.fhirBase();
    const now = Math.floor(this.clock().getTime() / 1000);
    const scope = scopes.join(' ');
    const claims: TokenClaims = { client_id: client.clientId, partner: client.partner, scope, ...(client.organization === undefined ? {} : { organization: client.organization }) };
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: signing.alg, kid: signing.kid, typ: ACCESS_TOKEN_TYPE })
      .setIssuer(issuerAddresses(fhirBase).issuer)
      .setSubject(client.clientId)
      .setAudience(fhirBase)
      .setIssuedAt(now)
      .setExpirationTime(now + TOKEN_LIFE_SECONDS)
      .setJti(newId())
      .sign(signing.key);
    return { access_token: token, token_type: 'bearer', expires_in: TOKEN_LIFE_SECONDS, scope };
  }
}

/** Audited together with the assertion's use, so not a second time. */
const NOTHING_GRANTED = 'scope-not-granted';

const entryOf = (client: Client, ids: RequestIds, what: Partial<Audited>): ReturnType<typeof auditOf> =>
  auditOf({ partner: client.partner, client: client.clientId, scopes: [], ...ids }, { interaction: 'token', ...what });

/** What was decoded; whatever cannot be decoded is no assertion. */
function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof TokenRefused) throw error;
    throw notAuthenticated('assertion-malformed');
  }
}
