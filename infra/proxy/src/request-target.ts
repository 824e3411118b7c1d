import type { IncomingMessage } from 'node:http';

export interface Target {
  /** Path and query, byte for byte as they were sent. */
  readonly path: string;
  /** The authority that was asked for. */
  readonly host: string | undefined;
}

/**
 * What a request asks for (RFC 9112 §3.2), or why it cannot be told.
 *
 * @returns `400` two hosts, or a target that is no path · `501` a coding of the body that is not known here (§6.1)
 */
export function targetOf({ url = '', headers, rawHeaders }: IncomingMessage): Target | 400 | 501 {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host').length;
  if (hosts > 1) return 400;
  if (headers['transfer-encoding'] !== undefined && !/^[ \t]*chunked[ \t]*$/i.test(headers['transfer-encoding'])) return 501;
  if (url.startsWith('/')) return { path: url, host: headers.host };
  const [, host, path = ''] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url) ?? [];
  if (host === undefined) return 400;
  return { path: path.startsWith('/') ? path : `/${path}`, host };
}
