import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { requestHeaders, responseHeaders } from './headers.js';
import { back, rest, type Group, type Instance } from './instances.js';
import { brokenOff, notHttp, nothingSent, tooSlow, type OwnAnswer } from './own-answers.js';
import { endReply, reply } from './reply.js';
import { hasBody, RequestBody } from './request-body.js';
import type { Target } from './request-target.js';

/** Something an operator may want to know; never an address of a resource. */
export interface Trouble {
  readonly says: 'an instance takes no connections' | 'an instance answers again' | 'an instance broke off' | 'an instance is slow';
  readonly group: string;
  /** The instance. */
  readonly address?: string;
  /** Code or name of the error. */
  readonly error?: string;
}

export type Report = (trouble: Trouble) => void;

/** These change nothing, so they may be asked again. */
const CHANGES_NOTHING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** One request of a client, until it is answered or the client is gone. */
export class Exchange {
  private readonly asked: Instance[] = [];
  private readonly headers: string[];
  private readonly changes: boolean;
  private readonly bodied: boolean;
  private again = false;
  private attempt: Attempt | undefined;
  private gone = false;

  /** @param expects the client waits for 100 before it sends the body; without it Node ends the connection with the answer, since what follows could be either */
  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    private readonly target: Target,
    private readonly group: Group,
    private readonly report: Report,
    private expects: boolean,
  ) {
    this.headers = requestHeaders(request, target.host);
    this.changes = !CHANGES_NOTHING.has(request.method!);
    this.bodied = hasBody(request);
    response.once('close', () => {
      this.gone = true;
      this.attempt?.abandon();
    });
  }

  /** Asks the next instance. */
  ask(): void {
    const { request, target, headers } = this;
    const instance = this.group.next(this.asked);
    if (!instance) return this.none();
    this.asked.push(instance);
    this.attempt = new Attempt(this, instance);
    const body = this.bodied ? new RequestBody(request, () => this.letSend()) : null;
    instance.pool.dispatch({ path: target.path, method: request.method as Dispatcher.HttpMethod, headers, body }, this.attempt);
  }

  /** The head of the answer has come. */
  begin(instance: Instance, status: number, message: string | undefined, raw: readonly (Buffer | string)[]): void {
    if (back(instance)) this.report({ says: 'an instance answers again', group: this.group.name, address: instance.address });
    this.response.writeHead(status, message, responseHeaders(raw));
  }

  /** The answer is complete. */
  end(): void {
    endReply(this.request, this.response, !this.expects);
  }

  /** No connection was made: whatever the method, the next instance may be asked. */
  notTaken(instance: Instance, error: string): void {
    if (this.gone) return;
    // An outage is told once, however many requests meet it.
    if (rest(instance)) this.report({ says: 'an instance takes no connections', group: this.group.name, address: instance.address, error });
    this.ask();
  }

  /** The request went out, at least in part, and no answer came: it is not known what became of it. */
  broken(instance: Instance, error: string): void {
    if (this.gone) return;
    const slow = error === 'UND_ERR_HEADERS_TIMEOUT' || error === 'UND_ERR_BODY_TIMEOUT';
    this.report({ says: slow ? 'an instance is slow' : 'an instance broke off', group: this.group.name, address: instance.address, error });
    if (this.response.headersSent) return this.breakOff();
    if (slow) return this.answer(tooSlow(this.changes));
    if (this.changes || this.bodied || this.again || this.group.instances.length === this.asked.length) return this.answer(brokenOff(this.changes));
    this.again = true;
    this.ask();
  }

  /** The request cannot be written as HTTP. */
  unwritable(): void {
    if (!this.gone) this.answer(notHttp(400));
  }

  private none(): void {
    if (this.again) return this.answer(brokenOff(this.changes));
    this.answer(nothingSent());
  }

  private answer(answer: OwnAnswer): void {
    reply(this.request, this.response, answer, !this.expects);
  }

  /** Half an answer must never look like a whole one, not even to a client that reads until the connection ends. */
  private breakOff(): void {
    this.request.socket.resetAndDestroy();
  }

  private letSend(): void {
    if (this.expects) this.response.writeContinue();
    this.expects = false;
  }
}

/** One instance is asked. */
class Attempt implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | undefined;
  private abandoned = false;
  private over = false;

  constructor(
    private readonly exchange: Exchange,
    private readonly instance: Instance,
  ) {}

  /** The client is gone, or has its answer: what is still under way is ended. */
  abandon(): void {
    if (this.over) return;
    this.abandoned = true;
    this.controller?.abort(new Error('the client is gone'));
  }

  /** There is a connection, and the request is about to be written to it. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A second time would be a second sending, which undici only does with what it knows not to be sent: it is not left to that.
    const abort = this.abandoned || this.controller !== undefined;
    this.controller = controller;
    if (abort) controller.abort(new Error('not to be sent'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, message?: string): void {
    if (status < 200) return;
    this.exchange.begin(this.instance, status, message, controller.rawHeaders as Buffer[]);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response } = this.exchange;
    if (response.write(chunk)) return;
    controller.pause();
    response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.over = true;
    this.exchange.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.over = true;
    const { code = error.name } = error as NodeJS.ErrnoException;
    if (this.controller !== undefined) this.exchange.broken(this.instance, code);
    else if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') this.exchange.unwritable();
    else this.exchange.notTaken(this.instance, code);
  }
}
