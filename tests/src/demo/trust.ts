import type { FhirResource } from 'fhir-kit-client';
import type { DemoPartner } from './partner-system.js';
import { playRole } from './role.js';

/** What a referral became in Baton, as `Type/id`. */
export interface Referral {
  readonly patient: string;
  readonly flag: string;
  readonly referral: string;
}

/** The trust: it refers, is told what becomes of it, and writes down what the young person decides. */
const part = (partner: DemoPartner) => ({
  /** Posts the transaction Bundle with Patient, Flag and ServiceRequest. */
  async refer(body: object): Promise<Referral & { at: number; judgedBy: string }> {
    const bundle = await partner.ask(() => partner.client.transaction({ body: body as FhirResource }));
    const entries = (bundle as unknown as { entry: { resource: { instantiatesCanonical?: string[] }; response: { location: string } }[] }).entry;
    const [patient = '', flag = '', referral = ''] = entries.map(({ response }) => response.location.replace(/\/_history\/.*/, ''));
    return { patient, flag, referral, at: Date.now(), judgedBy: entries[2]?.resource.instantiatesCanonical?.[0]?.split('/').at(-1) ?? '' };
  },

  /** Waits until it is told of the referral's Task in that version or a later one, and looks at it. */
  async told({ referral, task, version }: { referral: string; task: string; version: number }): Promise<{ at: number; number: number; status: string; reason: string | undefined; referralStatus: string }> {
    const told = await partner.waitFor(({ focus, versions }) => focus === referral && (versions[task] ?? 0) >= version);
    const { body } = await partner.look(task);
    const reason = (body as { statusReason?: { coding?: { code?: string }[] } }).statusReason?.coding?.[0]?.code;
    return { at: told.at, number: told.number, status: String(body['status']), reason, referralStatus: String((await partner.look(referral)).body['status']) };
  },

  /** The young person wants nothing shared any more: a Consent that denies, and names nobody whom it would spare. */
  async withdraw(patient: string): Promise<{ at: number; consent: string }> {
    const body = {
      resourceType: 'Consent',
      status: 'active',
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0', display: 'Consent Document' }] }],
      patient: { reference: patient },
      dateTime: new Date().toISOString(),
      policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTOUT' }] },
      provision: { type: 'deny' },
    };
    const made = await partner.ask(() => partner.client.create({ resourceType: 'Consent', body }));
    return { at: Date.now(), consent: `Consent/${String(made['id'])}` };
  },
});

export type Trust = ReturnType<typeof part>;

await playRole(part);
