import { createHash } from 'node:crypto';
import type { IdempotencyClaim } from '@baton/fhir-store';
import type { Caller } from '@baton/kernel';
import type { FastifyRequest } from 'fastify';
import { idempotencyKey } from './fhir-headers.js';

/** A request as the host prepared it: who calls (from the token), and the body's text as it came. */
export interface BatonRequest extends FastifyRequest {
  caller: Caller;
  bodyText?: string;
}

/** The query of a request, as it came. */
export function queryOf(request: FastifyRequest): URLSearchParams {
  const mark = request.url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : request.url.slice(mark + 1));
}

/** The claim of an `Idempotency-Key`: what the key stands for is method, path and body. */
export function idempotencyOf(request: BatonRequest): IdempotencyClaim | undefined {
  const key = idempotencyKey(request.headers);
  if (key === undefined) return undefined;
  const fingerprint = createHash('sha256').update(`${request.method} ${request.url}\n${request.bodyText ?? ''}`).digest('base64url');
  return { key, fingerprint };
}
