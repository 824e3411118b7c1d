import { newId, type Caller } from '@baton/kernel';

/** HTTP request headers as Node and Fastify give them: names in lower case. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The ids of a request, known before the caller is. */
export type RequestIds = Pick<Caller, 'requestId' | 'correlationId' | 'traceparent'>;

const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The ids of a request: `X-Request-Id` or a new one, `X-Correlation-Id` or the request's own id, W3C `traceparent`.
 * Values that could not be put in a header or a log line as they are (line breaks, endless ones) count as absent.
 */
export function requestIds(headers: Headers): RequestIds {
  const requestId = accepted(headers['x-request-id'], ID) ?? newId();
  const traceparent = accepted(headers['traceparent'], TRACEPARENT);
  return {
    requestId,
    correlationId: accepted(headers['x-correlation-id'], ID) ?? requestId,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

const accepted = (value: Headers[string], shape: RegExp): string | undefined => (typeof value === 'string' && shape.test(value) ? value : undefined);
