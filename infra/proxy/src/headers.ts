import type { IncomingMessage } from 'node:http';

/** Between two neighbours only (RFC 9110 §7.6.1). `trailer` goes with the trailers, which are not passed on. */
const BETWEEN_NEIGHBOURS = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/** `expect` is answered by the proxy itself, `host` is written anew. The others say who sent the request: no client's claim is trusted. */
const NOT_FROM_CLIENTS = new Set([...BETWEEN_NEIGHBOURS, 'expect', 'host', 'forwarded', 'x-real-ip']);
const CLAIM = 'x-forwarded-';

/**
 * The headers a service is asked with: those of the client, in their order and number, without what is between neighbours, and with what
 * the proxy knows of where they come from.
 *
 * @param host the authority that was asked for; none from an HTTP/1.0 client that names none
 * @returns name, value, name, value …
 */
export function requestHeaders({ rawHeaders, headers, socket }: IncomingMessage, host: string | undefined): string[] {
  const passed = without(rawHeaders, (name) => NOT_FROM_CLIENTS.has(name) || name.startsWith(CLAIM), headers.connection);
  if (host !== undefined) passed.push('host', host, 'x-forwarded-host', host);
  passed.push('x-forwarded-for', socket.remoteAddress ?? 'unknown', 'x-forwarded-proto', 'http', 'via', '1.1 baton');
  return passed;
}

/**
 * The headers a client is answered with.
 *
 * @param raw as they came: name, value, name, value …
 */
export function responseHeaders(raw: readonly (Buffer | string)[]): string[] {
  const headers = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  const connection = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]!.toLowerCase() === 'connection').join();
  return without(headers, (name) => BETWEEN_NEIGHBOURS.has(name), connection);
}

/** @param connection value of the Connection header, which names further headers that go no further */
function without(raw: readonly string[], isLeft: (name: string) => boolean, connection: string | undefined): string[] {
  const named = connection && !USUAL.test(connection) ? connection.toLowerCase().split(',').map((name) => name.trim()) : [];
  const passed: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    if (!isLeft(name) && !named.includes(name)) passed.push(raw[at]!, raw[at + 1]!);
  }
  return passed;
}

const USUAL = /^(?:keep-alive|close)$/i;
