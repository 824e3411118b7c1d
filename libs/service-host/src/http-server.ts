import { requestIds, requirePartner } from '@baton/access';
import type { Duplex } from 'node:stream';
import { outcomeOf, parseStrict } from '@baton/fhir';
import { crashPoint, refuse, Refused } from '@baton/kernel';
import { Catch, Module, type ArgumentsHost, type DynamicModule, type ExceptionFilter, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerError, mediaTypeNotTaken, type Answering } from './answer-error.js';
import type { BatonRequest } from './fhir-request.js';
import { FHIR_JSON, sendRefusal } from './fhir-reply.js';
import { takesBundles } from './offered-methods.js';
import type { Host } from './service.js';

/** Bytes a body may have; message Bundles and transactions carry several resources. */
const BODY_AT_MOST = 1_048_576;
const BUNDLE_AT_MOST = 5 * 1_048_576;

/** Node refuses longer request heads by itself (431). */
const URL_AT_MOST = 16_384;

/** Searches and requests for a token are forms; curl sends everything as one unless it is told. */
const takesForms = (url: string): boolean => /\/_search\/?(?:\?|$)|^\/oauth2\//.test(url);

const isPatch = (request: FastifyRequest): boolean => /^application\/json-patch\+json\b/i.test(request.headers['content-type'] ?? '');

/** Addresses that answer without a token: what Baton is and can do, and how to get a token. */
const OPEN = /^\/(?:$|health\/|metrics$|docs(?:\/|-json$|$)|oauth2\/|fhir\/R4\/(?:metadata|\.well-known\/smart-configuration)(?:\?|$))/;

interface Server {
  readonly app: NestFastifyApplication;
}

/** Builds the HTTP server of one process: parsers, identity, error answers, and the modules of its services. */
export async function httpServer(host: Host, answering: Answering, modules: readonly (DynamicModule | Type)[], controllers: readonly Type[]): Promise<Server> {
  const adapter = new FastifyAdapter({
    bodyLimit: BUNDLE_AT_MOST,
    routerOptions: { maxParamLength: URL_AT_MOST, ignoreTrailingSlash: true },
    forceCloseConnections: 'idle',
    genReqId: () => '',
    frameworkErrors: (_error: unknown, _request: FastifyRequest, reply: FastifyReply) => void sendRefusal(reply, badUrl()),
    clientErrorHandler: answerUnparsed,
  });
  const app = await NestFactory.create<NestFastifyApplication>(rootModule(modules, controllers), adapter, { logger: false, bodyParser: false, abortOnError: false });
  const fastify = adapter.getInstance();
  const onError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => answerError(host, answering, error, request as BatonRequest, reply);

  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(['application/json', 'application/fhir+json', 'application/json-patch+json'], { parseAs: 'string' }, async (request: FastifyRequest, body: string) => {
    if (isPatch(request) && request.method !== 'PATCH') throw mediaTypeNotTaken();
    // A body that comes in chunks says nothing of its length before.
    boundBody(request, Buffer.byteLength(body));
    (request as BatonRequest).bodyText = body;
    return body === '' ? undefined : parseStrict(body);
  });
  fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, async (request: FastifyRequest, body: string) => {
    if (!takesForms(request.url)) throw mediaTypeNotTaken();
    return body;
  });

  fastify.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    crashPoint('http.accepted');
    await identify(host, request as BatonRequest, reply);
  });
  fastify.addHook('preParsing', async (request: FastifyRequest, _reply: FastifyReply, payload) => {
    boundBody(request, Number(request.headers['content-length'] ?? 0));
    return payload;
  });
  const seen = requestsSeen(host);
  fastify.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done) => {
    seen.observe({ method: request.method, route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }, reply.elapsedTime / 1000);
    done();
  });

  // Errors of hooks and parsers come before any controller: they are answered in the same way, not in Nest's.
  fastify.setErrorHandler(onError);
  adapter.setErrorHandler = () => fastify;
  app.useGlobalFilters(new EveryError(onError));
  await app.init();
  return { app };
}

function boundBody(request: FastifyRequest, bytes: number): void {
  if (bytes > BODY_AT_MOST && !takesBundles(request.url)) throw Object.assign(new Error('body too large'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 });
}

const requestsSeen = (host: Host) =>
  host.metrics.histogram('baton_http_request_seconds', 'Requests by route pattern and status', [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5], ['method', 'route', 'status']);

/** Request ids are echoed on every answer; who calls is settled before anything else is looked at. */
async function identify(host: Host, request: BatonRequest, reply: FastifyReply): Promise<void> {
  const ids = requestIds(request.headers);
  reply.header('x-request-id', ids.requestId).header('x-correlation-id', ids.correlationId);
  // No text of PostgreSQL holds a NUL, and nothing that is stored here has one.
  if (/%00/.test(request.url)) {
    sendRefusal(reply, badUrl());
    return;
  }
  if (OPEN.test(request.url)) return;
  try {
    request.caller = await host.tokens.callerOf(request.headers, ids);
    crashPoint('http.authenticated');
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    sendRefusal(reply, error);
    return;
  }
  // By the route that was found, not by the address as it was spelt.
  if (request.routeOptions.url?.startsWith('/fhir/')) requirePartner(request.caller);
}

const badUrl = (): Refused => refuse('malformed', 'url-malformed', 'The URL cannot be read: it holds a percent-encoding that is none, or a character that nothing here has.');

/** What Node's HTTP parser could not read never becomes a request; the answer is written to the socket as it is. */
function answerUnparsed(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const tooLong = error.code === 'HPE_HEADER_OVERFLOW';
  const status = tooLong ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const refused = tooLong ? refuse('too-large', 'head-too-large', 'The URL and headers together are longer than is taken here.') : refuse('malformed', 'not-http', 'This is not an HTTP request.');
  const body = JSON.stringify(outcomeOf(refused));
  socket.end(`HTTP/1.1 ${status}\r\ncontent-type: ${FHIR_JSON}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

function rootModule(modules: readonly (DynamicModule | Type)[], controllers: readonly Type[]): DynamicModule {
  @Module({})
  class Root {}
  return { module: Root, imports: [...modules], controllers: [...controllers] };
}

@Catch()
class EveryError implements ExceptionFilter {
  constructor(private readonly answer: (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<void>) {}

  async catch(error: unknown, context: ArgumentsHost): Promise<void> {
    const http = context.switchToHttp();
    await this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}
