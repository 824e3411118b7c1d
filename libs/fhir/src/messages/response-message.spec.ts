import { renderBundle } from '../bundle.js';
import type { Bundle, MessageHeader } from '../types.js';
import { validate } from '../validation.js';
import { withErrorCodes } from './bars.js';
import { responseMessage, type ResponseToRender } from './response-message.js';

const response: ResponseToRender = {
  ids: { bundle: '0e1f7a52-3c55-4d49-9c4e-0c5f5a3c9b01', header: '0e1f7a52-3c55-4d49-9c4e-0c5f5a3c9b02', outcome: '0e1f7a52-3c55-4d49-9c4e-0c5f5a3c9b03' },
  timestamp: new Date('2026-11-25T08:00:00Z'),
  request: {
    bundle: 'request-1',
    reason: 'new',
    source: { endpoint: 'https://fhir.nhs.uk/Id/dos-service-id|2222222222', name: 'Control room', odsCode: 'RND' },
    destination: { endpoint: 'https://fhir.nhs.uk/Id/dos-service-id|111111111', odsCode: 'RYE' },
  },
  code: 'ok',
  about: [{ fullUrl: 'urn:uuid:0e1f7a52-3c55-4d49-9c4e-0c5f5a3c9b04', resource: { resourceType: 'ServiceRequest', status: 'active', intent: 'plan', subject: { display: 'somebody' } } }],
  outcome: { resourceType: 'OperationOutcome', issue: [{ severity: 'information', code: 'informational', details: { text: 'Taken.' } }] },
};

const rendered = (): Bundle => JSON.parse(renderBundle(responseMessage(response))) as Bundle;
const header = (): MessageHeader => rendered().entry![0]!.resource as MessageHeader;

describe('a servicerequest-response', () => {
  it('is a valid message whose header comes first', () => {
    expect(validate(rendered(), 'Bundle')).toEqual([]);
    expect(rendered()).toMatchObject({ type: 'message', id: response.ids.bundle, timestamp: '2026-11-25T08:00:00.000Z' });
    expect(rendered().entry!.map(({ resource }) => resource!.resourceType)).toEqual(['MessageHeader', 'ServiceRequest', 'OperationOutcome']);
  });

  it('swaps the roles of the request', () => {
    expect(header().destination).toMatchObject([{ endpoint: response.request.source.endpoint, receiver: { identifier: { system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'RND' } } }]);
    expect(header().source.endpoint).toBe(response.request.destination.endpoint);
    expect(header().sender).toMatchObject({ identifier: { value: 'RYE' } });
  });

  it('names the request it answers, and points to what it is about and what is said of it', () => {
    expect(header().response).toEqual({ identifier: 'request-1', code: 'ok', details: { reference: `urn:uuid:${response.ids.outcome}` } });
    expect(header().focus).toEqual([{ reference: response.about[0]!.fullUrl }]);
    expect(header().reason?.coding).toEqual([{ system: 'https://fhir.nhs.uk/CodeSystem/message-reason-bars', code: 'new' }]);
  });
});

describe('errors as senders of messages read them', () => {
  const outcome = {
    resourceType: 'OperationOutcome' as const,
    issue: [
      { severity: 'error' as const, code: 'conflict' as const, details: { coding: [{ system: 'urn:rule', code: 'r' }], text: 'It clashes.' } },
      { severity: 'warning' as const, code: 'value' as const, details: { text: 'Spelt oddly.' } },
    ],
  };

  it('carry the code of their status before our own, and the sentence as diagnostics too', () => {
    expect(withErrorCodes(outcome, 409).issue[0]).toEqual({
      severity: 'error',
      code: 'conflict',
      details: { coding: [{ system: 'https://fhir.nhs.uk/Codesystem/http-error-codes', code: 'REC_CONFLICT' }, { system: 'urn:rule', code: 'r' }], text: 'It clashes.' },
      diagnostics: 'It clashes.',
    });
  });

  it('leave warnings as they are, and have a code for any status', () => {
    expect(withErrorCodes(outcome, 409).issue[1]).toEqual(outcome.issue[1]);
    expect(withErrorCodes(outcome, 599).issue[0]!.details!.coding![0]!.code).toBe('REC_SERVER_ERROR');
    expect(withErrorCodes(outcome, 418).issue[0]!.details!.coding![0]!.code).toBe('REC_BAD_REQUEST');
  });
});
