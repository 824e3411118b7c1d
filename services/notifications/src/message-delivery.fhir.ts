import { renderBundle, responseMessage, rewriteReferences, urn, type AnsweredRequest, type Resource } from '@baton/fhir';
import type { SeenReference } from './disclosure.js';
import { sentenceOf } from './message-delivery.js';

/** A decision as it may be told at this moment. */
export interface DecisionToTell {
  /** Id of the delivery: the message's own. */
  readonly id: string;
  /** Ids of the entries Baton makes; the same over retries would be as good. */
  readonly header: string;
  readonly outcome: string;
  readonly event: string;
  readonly request: AnsweredRequest;
  readonly seen: readonly SeenReference[];
  readonly now: Date;
}

/**
 * The decision as a `servicerequest-response`, JSON text: the ServiceRequest and the Task as they are now, and a sentence
 * that says what happened. References among them are by `urn:uuid`; others are ids that the sender was told when it sent the referral.
 */
export function decisionMessage({ id, header, outcome, event, request, seen, now }: DecisionToTell): string {
  const urls = new Map(seen.map(({ reference }) => [reference, isUuid(reference) ? urn(reference.split('/')[1]!) : undefined]));
  const about = seen
    .filter(({ deleted }) => !deleted)
    .map(({ reference, body }) => ({ fullUrl: urls.get(reference) ?? `https://baton.example/fhir/${reference}`, resource: rewriteReferences(JSON.parse(body) as Resource, (text) => urls.get(text)) }));
  return renderBundle(
    responseMessage({
      ids: { bundle: id, header, outcome },
      timestamp: now,
      request,
      code: 'ok',
      about,
      outcome: { resourceType: 'OperationOutcome', issue: [{ severity: 'information', code: 'informational', details: { text: sentenceOf(event) } }] },
    }),
  );
}

const isUuid = (reference: string): boolean => /\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(reference);
