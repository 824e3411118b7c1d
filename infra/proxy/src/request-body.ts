import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** Whether a body belongs to a request (RFC 9112 §6.3). */
export const hasBody = ({ headers }: IncomingMessage): boolean => headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * The body of a client's request, for one instance. Nothing is read before that takes it, so an instance that takes no connection leaves it to the
 * next. Once begun it belongs to this one: where it ends early the rest is let go. A client that breaks off never looks like one that is finished.
 */
export class RequestBody extends Readable {
  private begun = false;

  /** @param onBegin before the first byte is asked for */
  constructor(
    private readonly request: IncomingMessage,
    private readonly onBegin: () => void,
  ) {
    super();
  }

  override _read(): void {
    if (!this.begun) {
      this.begun = true;
      this.request.on('data', this.pass).on('end', this.finish);
      this.onBegin();
    }
    this.request.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.request.off('data', this.pass).off('end', this.finish);
    if (this.begun) this.request.resume();
    done(error);
  }

  private readonly pass = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.request.pause();
  };

  private readonly finish = (): void => void this.push(null);
}
