import { readFileSync } from 'node:fs';
import { applyPatch, type Resource } from '@baton/fhir';
import { newId } from '@baton/kernel';

/** The published validation request, as it came. */
export const validationRequest = (): Resource => JSON.parse(readFileSync(new URL('../../../../../contracts/examples/bars/validation-request.json', import.meta.url), 'utf8')) as Resource;

/** One change of a message, as JSON Patch. */
export interface Change {
  readonly op: 'replace' | 'add' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/** Everything that is changed in the published validation request to make a referral of it. */
export const REFERRAL_CHANGES: readonly Change[] = [
  { op: 'replace', path: '/entry/0/resource/definition', value: 'https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral' },
  { op: 'replace', path: '/entry/1/resource/category/0/coding/0', value: { system: 'https://fhir.nhs.uk/CodeSystem/message-category-servicerequest', code: 'referral', display: 'Transfer of Care' } },
  { op: 'add', path: '/entry/1/resource/authoredOn', value: '2021-11-26T15:00:00+00:00' },
  { op: 'replace', path: '/entry/5/resource/identifier/0/value', value: '9990000018' },
];

/** A message with changes; it has a Bundle.id of its own unless one is given. */
export const changed = (message: Resource, changes: readonly Change[], id: string = newId()): Resource => ({ ...(applyPatch(message, changes)), id });

/** The referral message made from the published validation request. */
export const referralRequest = (more: readonly Change[] = [], id?: string): Resource => changed(validationRequest(), [...REFERRAL_CHANGES, ...more], id);
