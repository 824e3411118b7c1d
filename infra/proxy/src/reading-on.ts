import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

/** How long an answer may take to come in after nothing more can be sent. */
const READS_ON_MS = 1_000;

/**
 * Makes connections that read what was answered, even when nothing more can be sent.
 *
 * A service that refuses a body (413) answers and closes while we still send. The next write fails, and Node gives up the socket at once, with
 * the answer unread in it: of bodies sent at full speed, up to nine in ten refusals were lost so. Here a failed write waits until reading is over, which
 * finds the answer, or the end.
 */
export function readingOn(connect: buildConnector.connector): buildConnector.connector {
  return (options, done) =>
    connect(options, (...result) => {
      const [, socket] = result;
      if (socket) holdFailedWrites(socket);
      done(...result);
    });
}

type Written = (error?: Error | null) => void;

function holdFailedWrites(socket: Socket): void {
  const held = (done: Written): Written => (error) => (error ? void setTimeout(done, READS_ON_MS, error).unref() : done());
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, done) => write(chunk, encoding, held(done));
  const writeSeveral = socket._writev?.bind(socket);
  if (writeSeveral) socket._writev = (chunks, done) => writeSeveral(chunks, held(done));
}
