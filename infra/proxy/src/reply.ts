import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OwnAnswer } from './own-answers.js';

/** How long a client is listened to that still sends when all is answered. */
const LINGERS_MS = 10_000;

/** Answers what the proxy has to say itself; the request's id is repeated. @param sends see {@link endReply} */
export function reply(request: IncomingMessage, response: ServerResponse, { status, headers, body }: OwnAnswer, sends?: boolean): void {
  const id = request.headers['x-request-id'];
  // As bytes: Node writes the head together with a text in the text's encoding, and heads are Latin-1.
  const bytes = Buffer.from(body);
  response.writeHead(status, [...headers, ...(typeof id === 'string' ? ['x-request-id', id] : []), 'content-length', String(bytes.length)]);
  endReply(request, response, sends, bytes);
}

/**
 * Ends an answer. A client that still sends its body would find the connection reset, and the answer lost in it, if that were closed now: the rest
 * is read and let go, for a while.
 *
 * @param sends whether the client sends its body, or has sent it; not when it waits for leave to
 * @param last what is still to be written
 */
export function endReply(request: IncomingMessage, response: ServerResponse, sends = true, last?: Buffer): void {
  if (request.complete || !sends) {
    response.end(last);
    request.resume();
    return;
  }
  if (last === undefined) response.flushHeaders();
  else response.write(last);
  const tooLong = setTimeout(() => {
    response.end();
    request.socket.destroySoon();
  }, LINGERS_MS);
  response.once('close', () => clearTimeout(tooLong));
  request.once('end', () => response.end()).resume();
}
