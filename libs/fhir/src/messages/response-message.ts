import { IDENTIFIERS } from '@baton/contracts';
import type { OutgoingBundle, OutgoingEntry } from '../bundle.js';
import type { MessageHeader, OperationOutcome, Reference } from '../types.js';
import { BARS } from './bars.js';

/** One side of a message. */
export interface MessageParty {
  /** Address as messages carry it: `https://fhir.nhs.uk/Id/dos-service-id|111111111`. A name, never where Baton connects to. */
  readonly endpoint: string;
  readonly name?: string;
  /** ODS code of the organisation. */
  readonly odsCode?: string;
}

/** The request that is answered. */
export interface AnsweredRequest {
  /** Bundle.id of the request. */
  readonly bundle: string;
  /** Why it was sent; the answer repeats it. */
  readonly reason: 'new' | 'update' | 'delete';
  /** Who sent it: the answer goes there. */
  readonly source: MessageParty;
  /** Who it was for: the answer comes from there. */
  readonly destination: MessageParty;
}

export interface ResponseToRender {
  /** Ids of the new message: the Bundle, and the entries Baton makes. */
  readonly ids: { readonly bundle: string; readonly header: string; readonly outcome: string };
  readonly timestamp: Date;
  readonly request: AnsweredRequest;
  /** `ok` carried out, or decided · `transient-error` try again · `fatal-error` not eligible, not taken on: do not send it again as it is. */
  readonly code: 'ok' | 'transient-error' | 'fatal-error';
  /** What it is about, the ServiceRequest first; references in them are by these `fullUrl`s. */
  readonly about: readonly (OutgoingEntry & { readonly fullUrl: string })[];
  readonly outcome: OperationOutcome;
}

/**
 * A `servicerequest-response`: the answer to a request, at once or when the receiver has decided, with the roles of the request
 * swapped. BaRS-shaped: `MessageHeader.response.identifier` is the request's Bundle.id.
 */
export function responseMessage({ ids, timestamp, request, code, about, outcome }: ResponseToRender): OutgoingBundle {
  const [focus] = about;
  const header: MessageHeader = {
    resourceType: 'MessageHeader',
    id: ids.header,
    eventCoding: { system: BARS.events, code: 'servicerequest-response' },
    destination: [{ endpoint: request.source.endpoint, ...named(request.source), ...(request.source.odsCode === undefined ? {} : { receiver: organization(request.source) }) }],
    ...(request.destination.odsCode === undefined ? {} : { sender: organization(request.destination) }),
    source: { endpoint: request.destination.endpoint, ...named(request.destination), software: 'Baton' },
    reason: { coding: [{ system: BARS.reasons, code: request.reason }] },
    response: { identifier: request.bundle, code, details: { reference: urn(ids.outcome) } },
    ...(focus ? { focus: [{ reference: focus.fullUrl }] } : {}),
  };
  return {
    id: ids.bundle,
    type: 'message',
    timestamp: timestamp.toISOString(),
    entry: [{ fullUrl: urn(ids.header), resource: header }, ...about, { fullUrl: urn(ids.outcome), resource: { ...outcome, id: ids.outcome } }],
  };
}

/** How an entry with this id is called inside a message. */
export const urn = (id: string): string => `urn:uuid:${id}`;

const named = ({ name }: MessageParty): { name?: string } => (name === undefined ? {} : { name });

/** An organisation of neither side's server: by its ODS code. */
function organization({ odsCode, name }: MessageParty): Reference {
  return { type: 'Organization', identifier: { system: IDENTIFIERS.odsOrganization, value: odsCode! }, ...(name === undefined ? {} : { display: name }) };
}
