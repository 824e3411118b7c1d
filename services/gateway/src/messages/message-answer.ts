import { issueOf, responseMessage, rewriteReferences, type OperationOutcome, type OutgoingBundle, type Resource } from '@baton/fhir';
import { newId, type Violation } from '@baton/kernel';
import type { KeptAnswer } from '@baton/fhir-store';
import type { Message } from './message.js';

/** What is answered to a message, in a form that can be kept and rendered again: no content of resources. */
export interface MessageAnswer {
  readonly ids: { readonly bundle: string; readonly header: string; readonly outcome: string };
  /** Instant. */
  readonly at: string;
  readonly code: 'ok' | 'fatal-error';
  readonly says: string;
  /** Why not. */
  readonly against: readonly Violation[];
  /** What was tolerated, and what was not kept as it came. */
  readonly named: readonly Violation[];
  /** Resources that were written, by what the message calls them. */
  readonly written: readonly { readonly fullUrl: string; readonly answer: KeptAnswer }[];
}

/** @param now the transaction's time */
export const newAnswer = (now: Date, what: Omit<MessageAnswer, 'ids' | 'at'>): MessageAnswer => ({ ids: { bundle: newId(), header: newId(), outcome: newId() }, at: now.toISOString(), ...what });

/**
 * The answer as a message. What was written stands in it as the sender called it, with the ids it was given.
 *
 * @param shown resources of `written`, in its order; of a validation the ServiceRequest with its verdict
 */
export function renderAnswer(message: Message, answer: MessageAnswer, shown: readonly { readonly fullUrl: string; readonly resource: Resource }[]): OutgoingBundle {
  const urls = new Map(answer.written.map(({ fullUrl, answer: { type, id } }) => [`${type}/${id}`, fullUrl]));
  return responseMessage({
    ids: answer.ids,
    timestamp: new Date(answer.at),
    request: message.request,
    code: answer.code,
    about: shown.map(({ fullUrl, resource }) => ({ fullUrl, resource: rewriteReferences(resource, (reference) => urls.get(reference)) })),
    outcome: outcomeOf(answer),
  });
}

const outcomeOf = ({ says, against, named }: MessageAnswer): OperationOutcome => ({
  resourceType: 'OperationOutcome',
  issue: [
    { severity: 'information', code: 'informational', details: { text: says } },
    ...against.map((violation) => issueOf(violation, 'error', 'business-rule')),
    ...named.map((violation) => issueOf(violation, violation.code === 'informational' ? 'information' : 'warning')),
  ],
});
