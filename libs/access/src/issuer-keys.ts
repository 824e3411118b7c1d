import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose';
import { keptSecret } from './key-file.js';

/** Signature algorithms an issuer key of Baton may have. A token is never checked with any other. */
export const ISSUER_ALGORITHMS = ['ES256', 'ES384'] as const;

/** The file `<BATON_HOME>/keys/issuer.json`: private keys, the first of which signs; the others still verify. */
interface IssuerFile {
  readonly keys: readonly JWK[];
}

/** A public key set as it is served at `/oauth2/jwks` (RFC 7517 §5). */
export interface PublicKeys {
  readonly keys: readonly JWK[];
}

/** The keys of Baton's own issuer. */
export interface IssuerKeys {
  readonly signing: { readonly kid: string; readonly alg: string; readonly key: CryptoKey };
  readonly jwks: PublicKeys;
}

/**
 * Opens the issuer's keys, making an ES384 pair at first start.
 *
 * @param home BATON_HOME
 * @throws if the file is unreadable, readable by others, or holds a key that is not ES256 or ES384 with a kid
 */
export async function openIssuerKeys(home: string): Promise<IssuerKeys> {
  const path = join(home, 'keys', 'issuer.json');
  const file = await keptSecret<IssuerFile>(path, async () => ({ keys: [await newPrivateJwk('ES384')] }));
  const first = file.keys?.[0];
  if (!first || !file.keys.every(isIssuerKey)) throw new Error(`${path} must hold "keys": private EC keys with kid and alg ES256 or ES384`);
  return {
    signing: { kid: first.kid!, alg: first.alg!, key: (await importJWK(first, first.alg)) as CryptoKey },
    jwks: { keys: file.keys.map(publicPart) },
  };
}

/** A new private key as a JWK, its kid the thumbprint of its public part (RFC 7638). */
export async function newPrivateJwk(alg: string): Promise<JWK> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(pair.privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: 'sig' };
}

/** The part of a key that may be shown: an allow list, so that no private member slips through. */
export function publicPart(jwk: JWK): JWK {
  const shown = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use'] as const;
  return Object.fromEntries(shown.flatMap((name) => (jwk[name] === undefined ? [] : [[name, jwk[name]]])));
}

const isIssuerKey = (jwk: JWK): boolean =>
  jwk.kty === 'EC' && typeof jwk.d === 'string' && typeof jwk.kid === 'string' && (ISSUER_ALGORITHMS as readonly unknown[]).includes(jwk.alg);
