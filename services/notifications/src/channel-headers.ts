import type { Sealer } from '@baton/access';
import type { Resource, Subscription } from '@baton/fhir';
import { refuse, type Violation } from '@baton/kernel';
import type { Channel } from './channel.store.js';
import { signatureHeaders } from './signature.js';
import type { SigningKeys } from './signing.store.js';

/**
 * The headers of a channel are a partner's credentials. They are sealed inside the stored body, line by line, so that table, history
 * and backups hold none of them, and are opened again where their owner reads them and where they are sent.
 */
const SEALED = 'sealed:';

const placeOf = (subscription: string): string => `Subscription/${subscription}/header`;

/** Names that the connection or the signature needs; `Content-Type` is the payload's and is passed over. */
const RESERVED = /^(?:host|content-length|transfer-encoding|connection|keep-alive|upgrade|expect|te|trailer|proxy-.*|webhook-.*|x-correlation-id)$/i;
const LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}):[ \t]*([\x20-\x7e]{0,4096})$/;

/** Broken rules of header lines; those still sealed were judged before. */
export function headerViolations(lines: readonly string[]): Violation[] {
  return lines.flatMap((line, index): Violation[] => {
    if (line.startsWith(SEALED)) return [];
    const at = [`Subscription.channel.header[${index}]`];
    const name = LINE.exec(line)?.[1];
    if (name === undefined) return [{ rule: 'header-malformed', says: 'A header is one line, "Name: value", in visible ASCII.', at, code: 'value' }];
    return RESERVED.test(name) ? [{ rule: 'header-reserved', says: 'Baton sets this header itself.', at, code: 'business-rule' }] : [];
  });
}

/**
 * Seals the lines of a channel. Lines that are sealed already (a patch works on the stored body) stay, if they are this
 * subscription's own.
 * @throws Refused if a line only pretends to be sealed
 */
export const sealHeaders = (sealer: Sealer, subscription: string, lines: readonly string[]): string[] =>
  lines.map((line, index) => {
    if (!line.startsWith(SEALED)) return `${SEALED}${sealer.seal(line, placeOf(subscription))}`;
    if (!opens(sealer, subscription, line)) throw refuse('rule-broken', 'header-malformed', 'A header is one line, "Name: value", in visible ASCII.', { at: [`Subscription.channel.header[${index}]`], code: 'value' });
    return line;
  });

function opens(sealer: Sealer, subscription: string, line: string): boolean {
  try {
    sealer.unseal(line.slice(SEALED.length), placeOf(subscription));
    return true;
  } catch {
    return false;
  }
}

/** The header lines in the clear: for the request that carries them, and for their owner. */
export const openHeaders = (sealer: Sealer, subscription: string, lines: readonly string[]): string[] =>
  lines.map((line) => (line.startsWith(SEALED) ? sealer.unseal(line.slice(SEALED.length), placeOf(subscription)) : line));

/** Header lines as name and value, without those that the payload decides. */
export function headerPairs(lines: readonly string[]): [string, string][] {
  return lines.flatMap((line): [string, string][] => {
    const [, name, value] = LINE.exec(line) ?? [];
    return name === undefined || value === undefined || RESERVED.test(name) || /^content-type$/i.test(name) ? [] : [[name.toLowerCase(), value.trimEnd()]];
  });
}

/** The payload's type with its charset. */
const contentType = (payload: string): string => (payload.includes('charset') ? payload : `${payload}; charset=utf-8`);

/**
 * The headers of what is sent to a channel: its owner's, the payload's type and the signature.
 *
 * @param letter its id, the same over every retry; when it is signed; what is sent
 */
export const headersOf = ({ sealer, keys }: { sealer: Sealer; keys: SigningKeys }, channel: Channel, { id, at, body }: { id: string; at: Date; body: Buffer }): Record<string, string> => ({
  ...Object.fromEntries(headerPairs(openHeaders(sealer, channel.subscription, channel.headers))),
  'content-type': contentType(channel.payload),
  ...signatureHeaders(keys.of(channel.partner, channel.secrets), `msg_${id}`, Math.floor(at.getTime() / 1000), body),
});

/** The resource with its headers sealed. */
export function withSealedHeaders(sealer: Sealer, id: string, resource: Resource): Resource {
  const { channel } = resource as unknown as Subscription;
  if (channel.header === undefined) return resource;
  return { ...resource, channel: { ...channel, header: sealHeaders(sealer, id, channel.header) } };
}

/** The JSON text of a Subscription with its headers opened, for its owner. Other texts come back as they are. */
export function restoreHeaders(sealer: Sealer, body: string): string {
  if (!body.includes(`"${SEALED}`)) return body;
  const resource = JSON.parse(body) as Resource & { channel?: { header?: string[] } };
  if (resource.resourceType !== 'Subscription' || resource.id === undefined || !resource.channel?.header) return body;
  return JSON.stringify({ ...resource, channel: { ...resource.channel, header: openHeaders(sealer, resource.id, resource.channel.header) } });
}
