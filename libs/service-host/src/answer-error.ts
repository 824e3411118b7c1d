import { auditOf, writeAudit } from '@baton/access';
import { resourceType } from '@baton/contracts';
import { notOffered } from '@baton/fhir-store';
import { refuse, Refused, type Caller } from '@baton/kernel';
import { isRetryable, isUnavailable, sqlState } from '@baton/postgres';
import type { FastifyReply } from 'fastify';
import type { BatonRequest } from './fhir-request.js';
import { sendRefusal, sendResource } from './fhir-reply.js';
import { errorFields } from './log.js';
import { takesBundles } from './offered-methods.js';
import type { Host } from './service.js';

/** Tells the services of a process that a request was refused. */
export type OnRefused = (caller: Caller, refused: Refused) => Promise<void>;

/** What answering a refusal takes besides the refusal. */
export interface Answering {
  readonly onRefused: OnRefused;
  /** Methods that an address takes. */
  readonly methodsAt: (url: string) => readonly string[];
}

/**
 * The one place where an error becomes an answer: a refusal its OperationOutcome, a database that is away 503, and
 * anything else a 500 that says nothing but the request's id, with a log line to find it by.
 */
export async function answerError(host: Host, { onRefused, methodsAt }: Answering, error: unknown, request: BatonRequest, reply: FastifyReply): Promise<void> {
  const refused = nothingThere(error) ? unanswered(request) : refusalOf(error);
  if (!refused) {
    host.log.error('request failed', { requestId: request.caller?.requestId ?? String(request.id), method: request.method, route: request.routeOptions?.url ?? '', ...errorFields(error) });
    sendResource(reply, 500, {
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'fatal', code: 'exception', details: { text: `Something is wrong inside Baton. Nothing was stored. Tell us the X-Request-Id ${request.caller?.requestId ?? String(request.id)}.` } }],
    });
    return;
  }
  if (request.caller) await recordRefusal(host, onRefused, request.caller, refused);
  if (refused.kind === 'not-allowed') reply.header('allow', methodsAt(request.url).join(', '));
  sendRefusal(reply, refused);
}

/** A refusal leaves an audit entry, in a transaction of its own; the same row for what is hidden and for what never was. */
async function recordRefusal(host: Host, onRefused: OnRefused, caller: Caller, refused: Refused): Promise<void> {
  try {
    await writeAudit(host.database, [auditOf(caller, { interaction: 'refuse', outcome: 'refused', rule: refused.violations[0].rule })]);
    await onRefused(caller, refused);
  } catch (error) {
    host.log.error('a refusal could not be audited', { requestId: caller.requestId, ...errorFields(error) });
  }
}

const nothingThere = (error: unknown): boolean => !(error instanceof Refused) && (error as FastifyFailure | null)?.getStatus?.() === 404;

/** What is said where no route is: the method is wrong, the type is not offered, or there is nothing at all. */
function unanswered(request: BatonRequest): Refused {
  const [, type] = /^\/fhir\/R4\/([A-Z][A-Za-z]*)/.exec(request.url) ?? [];
  if (takesBundles(request.url)) return refuse('not-allowed', 'method-not-offered', 'A Bundle is posted here, and nothing else is offered.');
  if (type === undefined) return refuse('unknown', 'address-unknown', 'There is nothing at this address.');
  if (resourceType(type)) return notOffered(type, `${request.method} at this address`);
  return refuse('unknown', 'type-not-offered', 'This type is not offered here; /fhir/R4/metadata says which are.', { code: 'not-supported' });
}

interface FastifyFailure {
  code?: string;
  statusCode?: number;
  status?: number;
  getStatus?: () => number;
}

/** What an error means as a refusal; nothing if it is a defect. */
export function refusalOf(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error;
  if (isRetryable(error)) return refuse('conflict', 'write-conflict', 'Others changed the same things at the same moment, three times in a row; try again.');
  if (isUnavailable(error)) return refuse('unavailable', 'database-unavailable', 'The database cannot be reached just now; nothing was stored. Try again in a few seconds.');
  if (['22021', '22P05'].includes(sqlState(error) ?? '')) return refuse('malformed', 'character-not-stored', 'The request holds a character that cannot be stored, such as NUL.');
  const failure = (error ?? {}) as FastifyFailure;
  const status = failure.getStatus?.() ?? failure.statusCode;
  if (failure.code === 'FST_ERR_CTP_BODY_TOO_LARGE' || status === 413) return refuse('too-large', 'body-too-large', 'The body is larger than is taken here.');
  if (failure.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || status === 415) return mediaTypeNotTaken();
  if (status === 404) return refuse('unknown', 'address-unknown', 'There is nothing at this address.');
  if (status === 405) return refuse('not-allowed', 'method-not-offered', 'This method is not offered here.');
  if (status !== undefined && status >= 400 && status < 500) return refuse('malformed', 'request-malformed', 'The request cannot be understood.');
  return undefined;
}

/** A body in a type that is not read there. */
export const mediaTypeNotTaken = (): Refused => refuse('unsupported-media', 'media-type-not-taken', 'Send application/fhir+json (JSON Patch: application/json-patch+json).');
