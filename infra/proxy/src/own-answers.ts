import { outcomeOf } from '@baton/fhir';
import { refuse, type Refused } from '@baton/kernel';

/** What the proxy answers by itself. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

const FHIR = ['content-type', 'application/fhir+json; charset=utf-8'];

function outcome(status: number, refused: Refused, more: readonly string[] = []): OwnAnswer {
  return { status, headers: [...FHIR, ...more], body: JSON.stringify(outcomeOf(refused)) };
}

const SOON = ['retry-after', '1'];

/** What may have become of a request that was begun and not answered. A method that changes nothing may always be repeated. */
const fateOf = (changes: boolean): string => (changes ? 'It may have been carried out: repeat it with the same Idempotency-Key.' : 'It changes nothing: repeat it.');

/** No instance took a connection. */
export const nothingSent = (): OwnAnswer => outcome(503, refuse('unavailable', 'service-away', 'The service that answers here is away. Nothing was sent to it: repeat the request.'), SOON);

/** The request went out, and the connection ended before an answer. @param changes whether the method may change something */
export const brokenOff = (changes: boolean): OwnAnswer => outcome(503, refuse('unavailable', 'service-broke-off', `The service that answers here broke off while it had the request. ${fateOf(changes)}`), SOON);

/** The request went out, and no answer began in time. */
export const tooSlow = (changes: boolean): OwnAnswer => outcome(504, refuse('unavailable', 'service-slow', `The service that answers here did not answer in time. ${fateOf(changes)}`, { code: 'timeout' }), SOON);

/** What is no proper request; after it nothing on the connection can be understood. */
const refusals = {
  400: refuse('malformed', 'not-http', 'This is not an HTTP request.'),
  408: refuse('malformed', 'request-slow', 'The request did not come in time.', { code: 'timeout' }),
  431: refuse('too-large', 'head-too-large', 'The URL and headers together are longer than is taken here.'),
  501: refuse('malformed', 'coding-unknown', 'The body must come plain or chunked.', { code: 'not-supported' }),
};

export const notHttp = (status: keyof typeof refusals): OwnAnswer => outcome(status, refusals[status]);

export const json = (status: number, body: object): OwnAnswer => ({ status, headers: ['content-type', 'application/json'], body: JSON.stringify(body) });
