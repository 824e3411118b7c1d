import { randomUUID } from 'node:crypto';
import type { Resource } from '@baton/fhir';
import { changed, referralRequest, validationRequest, type Change } from './spec/example-messages.js';
import { startMessageBaton, type MessageBaton } from './spec/message-baton.js';

interface Case {
  readonly when: string;
  readonly status: number;
  /** Of the errors code system. */
  readonly code: string;
  /** FHIR issue type. */
  readonly issue: string;
  readonly rule: string;
  readonly at?: string;
  readonly headers?: Record<string, string | undefined>;
  readonly changes?: readonly Change[];
  readonly body?: (message: Resource) => unknown;
}

const HEADER = '/entry/0/resource';
const REQUEST = '/entry/1/resource';
const BARS_EVENTS = 'https://fhir.nhs.uk/CodeSystem/message-events-bars';
const replace = (path: string, value: unknown): Change => ({ op: 'replace', path, value });
const remove = (path: string): Change => ({ op: 'remove', path });
const event = (code: string, system = BARS_EVENTS): Change => replace(`${HEADER}/eventCoding`, { system, code });
const target = (text: string): string => Buffer.from(text).toString('base64');

const BAD = { status: 400, code: 'REC_BAD_REQUEST' } as const;
const UNPROCESSABLE = { status: 422, code: 'REC_UNPROCESSABLE_ENTITY' } as const;

const CASES: readonly Case[] = [
  { when: 'X-Request-Id is missing', ...BAD, issue: 'required', rule: 'x-request-id-missing', headers: { 'x-request-id': undefined } },
  { when: 'X-Correlation-Id is missing', ...BAD, issue: 'required', rule: 'x-correlation-id-missing', headers: { 'x-correlation-id': undefined } },
  { when: 'X-Request-Id is no UUID', ...BAD, issue: 'value', rule: 'x-request-id-malformed', headers: { 'x-request-id': 'request-1' } },
  { when: 'NHSD-Target-Identifier is no base64', ...BAD, issue: 'value', rule: 'target-identifier-malformed', headers: { 'nhsd-target-identifier': '{}' } },
  { when: 'NHSD-Target-Identifier holds no JSON', ...BAD, issue: 'value', rule: 'target-identifier-malformed', headers: { 'nhsd-target-identifier': target('111111111') } },
  { when: 'NHSD-Target-Identifier is null', ...BAD, issue: 'value', rule: 'target-identifier-malformed', headers: { 'nhsd-target-identifier': target('null') } },
  { when: 'NHSD-Target-Identifier is of another system', ...BAD, issue: 'value', rule: 'target-identifier-malformed', headers: { 'nhsd-target-identifier': target('{"value":"111111111","system":"urn:other"}') } },
  { when: 'the target is another than the destination', ...BAD, issue: 'value', rule: 'target-differs', headers: { 'nhsd-target-identifier': target('{"value":"222","system":"https://fhir.nhs.uk/Id/dos-service-id"}') } },
  { when: 'the version asked for is another', ...UNPROCESSABLE, issue: 'not-supported', rule: 'version-not-supported', headers: { accept: 'application/fhir+json; version=2.0.0' } },
  { when: 'the version of the Bundle is another', ...UNPROCESSABLE, issue: 'not-supported', rule: 'version-not-supported', at: 'Bundle.meta.versionId', changes: [replace('/meta/versionId', '2.0.0')] },
  { when: 'the definition is of another version', ...UNPROCESSABLE, issue: 'not-supported', rule: 'version-not-supported', changes: [replace(`${HEADER}/definition`, 'https://fhir.nhs.uk/MessageDefinition/x|2.1')] },
  { when: 'the body is no JSON', ...BAD, issue: 'invalid', rule: 'not-json', body: () => '{"resourceType": "Bundle"' },
  { when: 'the body is no Bundle', ...BAD, issue: 'invalid', rule: 'wrong-resource-type', body: () => ({ resourceType: 'Patient' }) },
  { when: 'the Bundle is no message', ...BAD, issue: 'value', rule: 'bundle-type', changes: [replace('/type', 'collection')] },
  { when: 'the Bundle has no id', ...BAD, issue: 'required', rule: 'message-id-missing', body: ({ id: _id, ...message }) => message },
  { when: 'the header does not come first', ...BAD, issue: 'required', rule: 'header-not-first', body: (message) => ({ ...message, entry: (message['entry'] as unknown[]).slice(1) }) },
  { when: 'an entry has no fullUrl', ...BAD, issue: 'required', rule: 'full-url-missing', at: 'Bundle.entry[4].fullUrl', changes: [remove('/entry/4/fullUrl')] },
  { when: 'a fullUrl stands twice', ...BAD, issue: 'invariant', rule: 'full-url-twice', changes: [replace('/entry/4/fullUrl', 'urn:uuid:8c63d621-4d86-4f57-8699-e8e22d49935d')] },
  { when: 'an element is unknown', ...BAD, issue: 'structure', rule: 'unknown-element', at: 'Bundle.entry[1].resource.PatientInstruction', changes: [{ op: 'add', path: `${REQUEST}/PatientInstruction`, value: 'Rest' }] },
  { when: 'the event is unknown', ...BAD, issue: 'invariant', rule: 'message-event-unknown', changes: [event('servicerequest-greeting')] },
  { when: 'the event is of another code system', ...BAD, issue: 'invariant', rule: 'message-event-unknown', changes: [event('servicerequest-request', 'urn:other')] },
  { when: 'the event is a booking', ...UNPROCESSABLE, issue: 'not-supported', rule: 'message-event-not-supported', changes: [event('booking-request')] },
  { when: 'the event is a response', ...UNPROCESSABLE, issue: 'not-supported', rule: 'message-event-not-supported', changes: [event('servicerequest-response')] },
  { when: 'the reason is unknown', ...BAD, issue: 'invariant', rule: 'message-reason-unknown', changes: [replace(`${HEADER}/reason/coding/0/code`, 'renew')] },
  { when: 'there is no reason', ...BAD, issue: 'invariant', rule: 'message-reason-unknown', changes: [remove(`${HEADER}/reason`)] },
  { when: 'there is no focus', ...BAD, issue: 'required', rule: 'message-focus-missing', changes: [remove(`${HEADER}/focus`)] },
  { when: 'the focus is not in the message', ...BAD, issue: 'invariant', rule: 'message-focus-missing', changes: [replace(`${HEADER}/focus/0/reference`, 'ServiceRequest/1')] },
  { when: 'the focus is no ServiceRequest', ...BAD, issue: 'invariant', rule: 'message-focus-missing', changes: [replace(`${HEADER}/focus/0/reference`, 'urn:uuid:9589fb37-87a2-48d8-968f-b371429208a8')] },
  { when: 'the category is unknown', ...BAD, issue: 'invariant', rule: 'message-category-unknown', at: 'Bundle.entry[1].resource.category', changes: [replace(`${REQUEST}/category/0/coding/0/code`, 'advice')] },
  { when: 'there is no category', ...BAD, issue: 'invariant', rule: 'message-category-unknown', changes: [remove(`${REQUEST}/category`)] },
  { when: 'a new request is taken back', ...BAD, issue: 'invariant', rule: 'message-flow-unknown', changes: [replace(`${REQUEST}/status`, 'revoked')] },
  { when: 'what is deleted is active', ...BAD, issue: 'invariant', rule: 'message-flow-unknown', changes: [replace(`${HEADER}/reason/coding/0/code`, 'delete')] },
  { when: 'a referral is to be amended', ...UNPROCESSABLE, issue: 'not-supported', rule: 'update-not-supported', changes: [replace(`${HEADER}/reason/coding/0/code`, 'update')] },
  { when: 'a validation is to be changed', ...UNPROCESSABLE, issue: 'not-supported', rule: 'validation-is-not-kept', changes: [replace(`${HEADER}/reason/coding/0/code`, 'update'), replace(`${REQUEST}/category/0/coding/0/code`, 'validation')] },
  { when: 'there are two destinations', ...UNPROCESSABLE, issue: 'not-supported', rule: 'one-destination', changes: [{ op: 'add', path: `${HEADER}/destination/-`, value: { endpoint: 'urn:other' } }] },
  { when: 'the performer is another service than the destination', ...UNPROCESSABLE, issue: 'business-rule', rule: 'destination-differs', changes: [replace('/entry/2/resource/identifier/0/value', '333')] },
  { when: 'nothing names the service', ...UNPROCESSABLE, issue: 'required', rule: 'service-not-named', changes: [remove(`${HEADER}/destination`), remove(`${REQUEST}/performer`)] },
  { when: 'no pathway has the service', ...UNPROCESSABLE, issue: 'business-rule', rule: 'service-unknown', at: 'Bundle.entry[1].resource.performer', changes: [replace('/entry/2/resource/identifier/0/value', '333'), replace(`${HEADER}/destination/0/endpoint`, 'https://fhir.nhs.uk/Id/dos-service-id|333')] },
  { when: 'the subject is not in the message', ...UNPROCESSABLE, issue: 'required', rule: 'subject-not-in-message', changes: [replace(`${REQUEST}/subject/reference`, 'Patient/1')] },
  { when: 'it is about two people', ...UNPROCESSABLE, issue: 'not-supported', rule: 'one-young-person', at: 'Bundle.entry[19].resource', changes: [{ op: 'add', path: '/entry/-', value: { fullUrl: `urn:uuid:${randomUUID()}`, resource: { resourceType: 'Patient', birthDate: '1960-01-01' } } }] },
  { when: 'a Consent is of somebody else', ...UNPROCESSABLE, issue: 'business-rule', rule: 'consent-of-another', at: 'Bundle.entry[18].resource.patient', changes: [replace('/entry/18/resource/patient', { reference: 'Patient/1' })] },
  { when: 'a Consent says what cannot be enforced', ...UNPROCESSABLE, issue: 'not-supported', rule: 'scope-not-supported', at: 'Bundle.entry[18].resource.scope', changes: [replace('/entry/18/resource/scope', { text: 'research' })] },
  { when: 'the token is not valid', status: 401, code: 'REC_UNAUTHORIZED', issue: 'login', rule: 'token-invalid', headers: { authorization: '' } },
  { when: 'another format is wanted', status: 406, code: 'REC_NOT_ACCEPTABLE', issue: 'not-supported', rule: 'format-not-offered', headers: { accept: 'application/fhir+xml' } },
  { when: 'the body is of another type', status: 415, code: 'REC_BAD_REQUEST', issue: 'not-supported', rule: 'media-type-not-taken', headers: { 'content-type': 'application/fhir+xml' } },
];

describe('a message that cannot be carried out', () => {
  let baton: MessageBaton;
  beforeAll(async () => {
    baton = await startMessageBaton();
  }, 60_000);
  afterAll(() => baton.stop());

  it.each(CASES)('is answered $status $code ($issue) when $when', async ({ status, code, issue, rule, at, headers = {}, changes = [], body = (message) => message }) => {
    const answer = await baton.message('ambulance-control', body(referralRequest(changes)), headers);
    const [first] = answer.body.issue as { code: string; severity: string; details: { coding: object[]; text: string }; diagnostics: string; expression?: string[] }[];
    expect({ status: answer.status, issue: first!.code, coding: first!.details.coding, diagnostics: first!.diagnostics }).toEqual({
      status,
      issue,
      coding: [{ system: 'https://fhir.nhs.uk/Codesystem/http-error-codes', code }, { system: 'https://baton.example/fhir/CodeSystem/rule', code: rule }],
      diagnostics: first!.details.text,
    });
    if (at !== undefined) expect(first!.expression).toContain(at);
  });

  it('stores nothing of it, whatever was wrong', async () => {
    const [row] = await baton.database.admin<{ n: number }>(`SELECT (SELECT count(*) FROM gateway.message) + (SELECT count(*) FROM referrals.referral) + (SELECT count(*) FROM directory.resource WHERE type = 'Patient') AS n`);
    expect(Number(row!.n)).toBe(0);
  });

  it('echoes the ids of the request with a refusal', async () => {
    const ids = { 'x-request-id': randomUUID(), 'x-correlation-id': randomUUID() };
    const answer = await baton.message('ambulance-control', changed(validationRequest(), [remove(`${HEADER}/reason`)]), ids);
    expect([answer.headers.get('x-request-id'), answer.headers.get('x-correlation-id')]).toEqual([ids['x-request-id'], ids['x-correlation-id']]);
  });
});
