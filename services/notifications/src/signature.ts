import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';

const PREFIX = 'whsec_';

/** A new signing secret as partners keep it: `whsec_` and 32 random bytes in base64 (Standard Webhooks). */
export const newSecret = (): string => `${PREFIX}${randomBytes(32).toString('base64')}`;

/** The key of a secret; make it once and keep it. */
export const keyOf = (secret: string): KeyObject => createSecretKey(secret.slice(PREFIX.length), 'base64');

/**
 * Headers of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, once with each key, so that a receiver that knows any of
 * them is content while a secret is being replaced.
 *
 * @param id the same over every retry
 * @param at seconds since the epoch
 */
export const signatureHeaders = (keys: readonly KeyObject[], id: string, at: number, body: Buffer): Record<string, string> => ({
  'webhook-id': id,
  'webhook-timestamp': String(at),
  'webhook-signature': keys.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${at}.`).update(body).digest('base64')}`).join(' '),
});
