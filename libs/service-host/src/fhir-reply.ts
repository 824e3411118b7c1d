import { outcomeOf, statusOf, type Resource } from '@baton/fhir';
import { challengeFor } from '@baton/access';
import { Refused } from '@baton/kernel';
import type { FastifyReply } from 'fastify';

export const FHIR_JSON = 'application/fhir+json; charset=utf-8';

/** Sends a FHIR body that is JSON text already. */
export const sendText = (reply: FastifyReply, status: number, text: string): FastifyReply => reply.code(status).header('content-type', FHIR_JSON).send(text);

/** Sends a resource. */
export const sendResource = (reply: FastifyReply, status: number, resource: Resource | object): FastifyReply => sendText(reply, status, JSON.stringify(resource));

/** Answers a refusal: its HTTP status and an OperationOutcome with every violation. */
export function sendRefusal(reply: FastifyReply, refused: Refused): FastifyReply {
  const status = statusOf(refused.kind);
  if (status === 401) reply.header('www-authenticate', challengeFor(refused));
  if (status === 429 || status === 503) reply.header('retry-after', '5');
  if (status === 425) reply.header('retry-after', '1');
  return sendResource(reply, status, outcomeOf(refused));
}

/** Headers of one version of a resource. */
export function versionHeaders(reply: FastifyReply, version: number, lastUpdated: Date): FastifyReply {
  return reply.header('etag', `W/"${version}"`).header('last-modified', lastUpdated.toUTCString());
}
