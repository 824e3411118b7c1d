import type { OperationOutcome, Resource } from '../types.js';

/** Code systems of BaRS-shaped messages, spelt as partners' software compares them (standards §3). */
export const BARS = {
  events: 'https://fhir.nhs.uk/CodeSystem/message-events-bars',
  reasons: 'https://fhir.nhs.uk/CodeSystem/message-reason-bars',
  serviceRequestCategory: 'https://fhir.nhs.uk/CodeSystem/message-category-servicerequest',
  /** `Codesystem` with a small s: so it stands in the published outcomes. */
  errors: 'https://fhir.nhs.uk/Codesystem/http-error-codes',
} as const;

/** Code of `BARS.errors` for an HTTP status a receiver answers with. */
export const ERROR_CODES: Readonly<Record<number, string>> = {
  400: 'REC_BAD_REQUEST',
  401: 'REC_UNAUTHORIZED',
  403: 'REC_FORBIDDEN',
  404: 'REC_NOT_FOUND',
  405: 'REC_METHOD_NOT_ALLOWED',
  406: 'REC_NOT_ACCEPTABLE',
  409: 'REC_CONFLICT',
  412: 'REC_CONFLICT',
  413: 'REC_BAD_REQUEST',
  415: 'REC_BAD_REQUEST',
  422: 'REC_UNPROCESSABLE_ENTITY',
  425: 'REC_TOO_EARLY',
  429: 'REC_TOO_MANY_REQUESTS',
  500: 'REC_SERVER_ERROR',
  503: 'REC_UNAVAILABLE',
};

/**
 * An OperationOutcome as senders of BaRS-shaped messages read it: the code of the HTTP status comes first among the codings of each
 * error, ours stay after it, and `diagnostics` repeats the sentence that `details.text` holds.
 */
export function withErrorCodes(outcome: OperationOutcome, status: number): OperationOutcome {
  const code = ERROR_CODES[status] ?? (status >= 500 ? 'REC_SERVER_ERROR' : 'REC_BAD_REQUEST');
  return {
    ...outcome,
    issue: outcome.issue.map((issue) => {
      if (issue.severity !== 'error' && issue.severity !== 'fatal') return issue;
      const says = issue.diagnostics ?? issue.details?.text;
      return { ...issue, details: { ...issue.details, coding: [{ system: BARS.errors, code }, ...(issue.details?.coding ?? [])] }, ...(says === undefined ? {} : { diagnostics: says }) };
    }),
  };
}

/** Whether a resource is an OperationOutcome. */
export const isOperationOutcome = (resource: Resource): resource is Resource & OperationOutcome => resource.resourceType === 'OperationOutcome' && Array.isArray(resource['issue']);
