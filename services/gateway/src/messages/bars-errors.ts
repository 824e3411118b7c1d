import { isOperationOutcome, isResource, withErrorCodes } from '@baton/fhir';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

const OF_MESSAGES = /^\/fhir\/R4\/(?:\$|%24)process-message(?:[?/]|$)/i;

/**
 * Errors of `$process-message`, wherever they arise (token, parser, rules), carry the codes that senders of messages read. What becomes
 * of an error is decided before, in the one place for all.
 */
@Injectable()
export class BarsErrors {
  constructor(adapters: HttpAdapterHost) {
    const server = adapters.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onSend', async (request, reply, payload) => (reply.statusCode >= 400 && OF_MESSAGES.test(request.url) && typeof payload === 'string' ? coded(payload, reply.statusCode) : payload));
  }
}

function coded(payload: string, status: number): string {
  const outcome: unknown = JSON.parse(payload);
  return isResource(outcome) && isOperationOutcome(outcome) ? JSON.stringify(withErrorCodes(outcome, status)) : payload;
}
