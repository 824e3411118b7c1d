import { readFileSync } from 'node:fs';
import { applyPatch, type Resource } from '@baton/fhir';

const EXAMPLE = new URL('../../../contracts/examples/bars/validation-request.json', import.meta.url);

const uuid = (kind: number, run: number): string => `00000000-0000-4000-8${String(kind).padStart(3, '0')}-${String(run).padStart(12, '0')}`;

/** The published message as a referral of somebody else each run, under ids that a repeat keeps. */
export function referralMessage(run: number): { message: Resource; headers: Record<string, string> } {
  const published = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as Resource;
  const referral = applyPatch(published, [
    { op: 'replace', path: '/entry/0/resource/definition', value: 'https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral' },
    { op: 'replace', path: '/entry/1/resource/category/0/coding/0', value: { system: 'https://fhir.nhs.uk/CodeSystem/message-category-servicerequest', code: 'referral', display: 'Transfer of Care' } },
    { op: 'add', path: '/entry/1/resource/authoredOn', value: '2021-11-26T15:00:00+00:00' },
    { op: 'replace', path: '/entry/5/resource/identifier', value: [{ system: 'https://sender.url/Id/person', value: `run ${run}` }] },
  ]);
  return { message: { ...referral, id: uuid(1, run) }, headers: { 'x-request-id': uuid(2, run), 'x-correlation-id': uuid(3, run) } };
}

/** Where messages to the sender go. */
export const messageEndpoint = (address: string): object => ({
  resourceType: 'Endpoint',
  status: 'active',
  connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'hl7-fhir-msg' },
  payloadType: [{ text: 'Messages' }],
  address,
});
