import { CARE_PLAN_KIND, coding, organizationId, OUTCOME, STATUS_REASON, TASK_OUTPUT } from '@baton/contracts';
import type { Bundle, FhirResource } from '@baton/fhir';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exampleReferral } from '@baton/standalone';

/** A resource as a partner's system writes it. */
export interface Sent {
  readonly resourceType: string;
  readonly [element: string]: unknown;
}

const FOLDERS = ['.', '../hostile'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));
const SPEC_FILES = FOLDERS.flatMap((folder) => readdirSync(folder)).filter((file) => file.endsWith('.spec.js'));

/** Each spec file has young people of its own: several files may be told to one Baton. */
const seedOfFile = (): number => 1 + SPEC_FILES.indexOf(basename(expect.getState().testPath ?? ''));
let used = 0;

/** A young person whom Safe Zones is for, an alert and the referral, in one transaction: each call another young person. */
export const bundleOf = (): Bundle<FhirResource> => exampleReferral({ index: used++, seed: seedOfFile(), today: new Date(), priority: 'urgent' });

/** The same in single resources, each a function of the ids that Baton gave the others. */
export function referralOf(bundle = bundleOf()): { patient: Sent; flag: (patient: string) => Sent; request: (patient: string, flag: string) => Sent } {
  const [patient, flag, request] = bundle.entry!.map((entry) => entry.resource as unknown as Sent);
  return {
    patient: patient!,
    flag: (id) => ({ ...flag!, subject: { reference: `Patient/${id}` } }),
    request: (id, alert) => ({ ...request!, subject: { reference: `Patient/${id}` }, supportingInfo: [{ reference: `Flag/${alert}` }] }),
  };
}

export const flag = (patient: string, text = 'Allergic to nuts.'): Sent => ({ resourceType: 'Flag', status: 'active', code: { text }, subject: { reference: `Patient/${patient}` } });

export const observation = (patient: string, referral?: string): Sent => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://snomed.info/sct', code: '718134002' }] },
  subject: { reference: `Patient/${patient}` },
  effectiveDateTime: '2026-11-20',
  valueInteger: 17,
  ...(referral === undefined ? {} : { basedOn: [{ reference: `ServiceRequest/${referral}` }] }),
});

export const contact = (patient: string, referral?: string, status = 'finished'): Sent => ({
  resourceType: 'Encounter',
  status,
  class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
  subject: { reference: `Patient/${patient}` },
  ...(referral === undefined ? {} : { basedOn: [{ reference: `ServiceRequest/${referral}` }] }),
});

export const carePlan = (patient: string, referral?: string, kind: keyof typeof CARE_PLAN_KIND.codes = 'aftercare-plan'): Sent => ({
  resourceType: 'CarePlan',
  status: 'active',
  intent: 'plan',
  category: [{ coding: [coding(CARE_PLAN_KIND, kind)] }],
  subject: { reference: `Patient/${patient}` },
  ...(referral === undefined ? {} : { supportingInfo: [{ reference: `ServiceRequest/${referral}` }] }),
});

/** A decision: who may see what, or, without recipients, that nobody may. */
export function consent(patient: string, { effect, recipients = [], ...more }: { effect: 'permit' | 'deny'; recipients?: readonly string[]; [element: string]: unknown }): Sent {
  return {
    resourceType: 'Consent',
    status: 'active',
    scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
    patient: { reference: `Patient/${patient}` },
    dateTime: new Date().toISOString(),
    policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: effect === 'permit' ? 'OPTIN' : 'OPTOUT' }] },
    provision: {
      type: effect,
      ...(recipients.length === 0
        ? {}
        : {
            actor: recipients.map((partner) => ({
              role: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }] },
              reference: { reference: `Organization/${organizationId(partner)}` },
            })),
          }),
    },
    ...more,
  };
}

/** `Task.statusReason`. */
export const because = (code: keyof typeof STATUS_REASON.codes) => ({ coding: [coding(STATUS_REASON, code)] });

export const outcomeIs = (code: keyof typeof OUTCOME.codes) => ({ type: { coding: [coding(TASK_OUTPUT, 'outcome')] }, valueCodeableConcept: { coding: [coding(OUTCOME, code)] } });
