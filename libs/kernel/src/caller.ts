/**
 * Who asks. It comes from the access token and from nothing else: no header, no body, no path says who a caller is.
 */
export interface Caller {
  /** Partner id of the pathway file (`rapid-response`), or `baton` when Baton acts by itself. */
  readonly partner: string;
  /** OAuth client id. */
  readonly client: string;
  /** SMART v2 scopes as granted, e.g. `system/ServiceRequest.crus`. Baton itself holds `*`. */
  readonly scopes: readonly string[];
  /** The Organization resource that stands for the partner. */
  readonly organization?: string;
  /** `X-Request-Id` of the request, or the id of the event that is handled. */
  readonly requestId: string;
  /** `X-Correlation-Id`: carried through events to everything that follows from the request. */
  readonly correlationId: string;
  /** W3C trace context, carried through events. */
  readonly traceparent?: string;
}

/** The owner of what Baton makes by itself (pathway resources) and the caller of its own event handlers. */
export const BATON = 'baton';

/** Baton acting by itself, because of an event or a clock. */
export const batonActs = (cause: { requestId: string; correlationId: string; traceparent?: string | undefined }): Caller => ({
  partner: BATON,
  client: BATON,
  scopes: ['*'],
  requestId: cause.requestId,
  correlationId: cause.correlationId,
  ...(cause.traceparent === undefined ? {} : { traceparent: cause.traceparent }),
});
