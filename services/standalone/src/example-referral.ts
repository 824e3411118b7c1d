import { coding, CARER_INFORMED, EXTENSIONS, healthcareServiceId, IDENTIFIERS, organizationId, PRIMARY_REASON } from '@baton/contracts';
import { withCheckDigit, type Bundle, type FhirResource } from '@baton/fhir';

const GIVEN = ['Amira', 'Ben', 'Callum', 'Daisy', 'Elif', 'Farid', 'Grace', 'Hassan', 'Isla', 'Jay', 'Kiran', 'Leah'];
const FAMILY = ['Example', 'Sample', 'Specimen', 'Trial', 'Pattern', 'Model', 'Draft', 'Proof'];
const PLACES = ['Bolton', 'Bury', 'Manchester', 'Oldham', 'Rochdale', 'Salford', 'Stockport', 'Tameside', 'Trafford', 'Wigan'];
const WORDS = ['I want somewhere to go in the evening.', 'Someone to talk to who is not my mum.', 'Help to sleep and to get back to school.', 'Not to have to tell all of it again.'];

/** Deterministic numbers from a seed (mulberry32): the same seed gives the same young people. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** An NHS number for tests: begins with 999; among ten following bodies at least nine have a check digit. */
function testNhsNumber(index: number): string {
  for (let body = 999_000_000 + ((index * 11) % 999_990); ; body++) {
    const number = withCheckDigit(String(body));
    if (number !== undefined) return number;
  }
}

export interface ExampleOptions {
  /** Which young person: another number, another one. */
  readonly index: number;
  readonly seed?: number;
  /** Day the age is counted from; the young person is 14 to 18 years old then. */
  readonly today: Date;
  readonly priority?: 'asap' | 'urgent' | 'routine';
}

/**
 * A transaction Bundle that `rapid-response` may post to `/fhir/R4` and that Safe Zones is eligible for: a young person, an
 * alert, and the referral.
 */
export function exampleReferral({ index, seed = 1, today, priority }: ExampleOptions): Bundle<FhirResource> {
  const next = random(seed * 1_000_003 + index);
  const pick = <Item>(from: readonly Item[]): Item => from[Math.floor(next() * from.length)]!;
  const [patient, flag] = [`urn:uuid:${uuid(next)}`, `urn:uuid:${uuid(next)}`];
  const born = new Date(Date.UTC(today.getUTCFullYear() - 14 - Math.floor(next() * 4), Math.floor(next() * 12), 1 + Math.floor(next() * 28)));
  born.setUTCFullYear(born.getUTCFullYear() - 1);
  const name = { given: [pick(GIVEN)], family: pick(FAMILY) };
  const place = pick(PLACES);
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      {
        fullUrl: patient,
        request: { method: 'POST', url: 'Patient' },
        resource: {
          resourceType: 'Patient',
          identifier: [
            {
              extension: [{ url: EXTENSIONS.nhsNumberVerification, valueCodeableConcept: { coding: [{ system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus', code: '01' }] } }],
              system: IDENTIFIERS.nhsNumber,
              value: testNhsNumber(seed * 5_003 + index),
            },
          ],
          name: [{ use: 'official', ...name }],
          gender: pick(['female', 'male', 'other'] as const),
          birthDate: born.toISOString().slice(0, 10),
          address: [{ use: 'home', line: [`${1 + Math.floor(next() * 98)} Test Street`], city: place, postalCode: 'M1 1AA' }],
        },
      },
      {
        fullUrl: flag,
        request: { method: 'POST', url: 'Flag' },
        resource: {
          resourceType: 'Flag',
          status: 'active',
          category: [{ coding: [{ system: 'https://fhir.nhs.uk/CodeSystem/flag-categories-bars', code: 'RA', display: 'Reasonable Adjustment' }] }],
          code: { text: 'Prefers a quiet room.' },
          subject: { reference: patient },
        },
      },
      {
        fullUrl: `urn:uuid:${uuid(next)}`,
        request: { method: 'POST', url: 'ServiceRequest' },
        resource: {
          resourceType: 'ServiceRequest',
          status: 'active',
          intent: 'order',
          priority: priority ?? pick(['asap', 'urgent', 'routine'] as const),
          subject: { reference: patient },
          requester: { reference: `Organization/${organizationId('rapid-response')}` },
          performer: [{ reference: `HealthcareService/${healthcareServiceId('gm-crisis-care', 'safe-zones')}` }],
          authoredOn: today.toISOString(),
          reasonCode: [{ coding: [coding(PRIMARY_REASON, pick(['18', '05', '04'] as const))], text: 'In crisis, stepping down' }],
          supportingInfo: [{ reference: flag }],
          extension: [
            { url: EXTENSIONS.youngPersonsWords, valueString: pick(WORDS) },
            { url: EXTENSIONS.carerInformed, valueCoding: coding(CARER_INFORMED, pick(['informed', 'not-informed'] as const)) },
            { url: EXTENSIONS.risk, valueString: 'No immediate danger; safety plan agreed.' },
          ],
        },
      },
    ],
  };
}

function uuid(next: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(next() * 16).toString(16));
  hex[12] = '4';
  hex[16] = '8';
  const text = hex.join('');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}
