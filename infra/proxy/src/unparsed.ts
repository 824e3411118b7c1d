import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { notHttp } from './own-answers.js';

/**
 * What Node's HTTP parser could not read never becomes a request; the answer is written to the connection as it is, which then ends.
 *
 * @param answering an answer is on its way on this connection: nothing can be put into it
 */
export function answerUnparsed({ code }: NodeJS.ErrnoException, socket: Duplex, answering: boolean): void {
  if (!socket.writable || answering) return void socket.destroy();
  const { status, headers, body } = notHttp(code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400);
  const lines = headers.map((part, at) => (at % 2 === 0 ? `${part}: ` : `${part}\r\n`)).join('');
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}
