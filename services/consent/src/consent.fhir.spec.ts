import { EXTENSIONS } from '@baton/contracts';
import fc from 'fast-check';
import type { Consent, ConsentProvision } from '@baton/fhir';
import { readConsent, type ConsentReading } from './consent.fhir.js';
import { consentOf } from './consent-writing.fhir.js';
import { day, decision, NOW } from './spec/decision.fixture.js';
import { OPENABLE, type Decision, type Scope } from './decision.js';

const ircp = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }] };
const to = (reference: string) => ({ role: ircp, reference: { reference } });
const charity = to('Organization/charity');
const rule = (code: string) => ({ policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code }] } });
const types = (...codes: string[]) => codes.map((code) => ({ system: 'http://hl7.org/fhir/resource-types', code }));
const basis = (code: string) => ({ url: EXTENSIONS.lawfulBasis, valueCoding: { system: 'https://baton.example/fhir/CodeSystem/lawful-basis', code } });

const consent = (provision: ConsentProvision | undefined, more: Partial<Consent> = {}): Consent => ({
  resourceType: 'Consent', status: 'active', scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] }, category: [],
  patient: { reference: 'Patient/p1' }, ...(provision ? { provision } : {}), ...more,
});

const read = (provision: ConsentProvision | undefined, more: Partial<Consent> = {}): ConsentReading => {
  const result = readConsent(consent(provision, more), NOW);
  if (!result.ok) throw new Error(JSON.stringify(result.violations));
  return result.value;
};
const refused = (provision: ConsentProvision | undefined, more: Partial<Consent> = {}): string[] => {
  const result = readConsent(consent(provision, more), NOW);
  return result.ok ? [] : result.violations.map((violation) => `${violation.rule} ${violation.at?.[0]}`);
};

describe('a Consent', () => {
  it('that denies and names no recipient refuses sharing with everyone but the owner', () => {
    const plain = { effect: 'deny', recipients: 'everyone-but-owner', scope: { kind: 'record' }, basis: 'explicit', status: 'active', dateTime: NOW };
    expect(read({ type: 'deny' }, rule('OPTOUT'))).toMatchObject(plain);
    expect(read(undefined, rule('OPTOUT'))).toMatchObject(plain);
  });

  it('names recipients by Organization and by HealthcareService, classes, resources, a referral, exceptions and a period', () => {
    expect(read({ type: 'permit', actor: [charity, to('HealthcareService/zones')] }).recipients).toEqual([
      { partner: 'charity', at: 'Consent.provision.actor[0].reference' },
      { service: 'zones', at: 'Consent.provision.actor[1].reference' },
    ]);
    expect(read({ type: 'permit', actor: [charity], class: types('Flag', 'Patient', 'RelatedPerson') }).scope).toEqual({ kind: 'categories', categories: ['demographics', 'alert'] });
    expect(read({ type: 'deny', data: [{ meaning: 'instance', reference: { reference: 'Flag/f1/_history/2' } }] }).scope).toEqual({ kind: 'items', items: ['Flag/f1'] });
    expect(read({ type: 'deny', class: types('Flag'), data: [{ meaning: 'related', reference: { reference: 'ServiceRequest/r1' } }] })).toMatchObject({ context: 'r1', scope: { kind: 'categories' } });
    expect(read({ type: 'permit', actor: [charity], provision: [{ type: 'deny', class: types('Observation') }] }).withheld).toEqual([{ kind: 'categories', categories: ['measure'] }]);
    expect(read({ type: 'deny', period: { start: '2026-07-01', end: '2026-11-30' } })).toMatchObject({ from: new Date('2026-06-30T23:00:00Z'), until: new Date('2026-12-01T00:00:00Z') });
  });

  it('without recipients that rests on implied consent says so, and names nothing', () => {
    expect(read(undefined, { ...rule('IMPLIED'), dateTime: '2021-11-26' })).toMatchObject({ effect: 'permit', basis: 'implied-direct-care' });
    expect(refused({ type: 'permit', actor: [charity] }, rule('IMPLIED'))).toEqual(['implied-names-nothing Consent.provision']);
  });

  it('dated by day is as early as the day allows if it permits, and as late if it refuses', () => {
    expect(read({ type: 'permit', actor: [charity] }, { dateTime: '2026-11-25' }).dateTime).toEqual(new Date('2026-11-25T00:00:00Z'));
    expect(read({ type: 'deny' }, { dateTime: '2026-11-25' }).dateTime).toEqual(NOW);
    expect(read({ type: 'deny' }, { dateTime: '2026-11-20' }).dateTime).toEqual(new Date('2026-11-20T23:59:59.999Z'));
  });

  it('may be dated five minutes ahead, and no more', () => {
    expect(refused({ type: 'deny' }, { dateTime: '2026-11-25T12:05:00Z' })).toEqual([]);
    expect(refused({ type: 'deny' }, { dateTime: '2026-11-25T12:05:01Z' })).toEqual(['decided-ahead-of-time Consent.dateTime']);
  });

  it.each<[string, ConsentProvision | undefined, Partial<Consent>, string]>([
    ['with a permission for everyone', { type: 'permit' }, {}, 'recipient-missing Consent.provision.actor'],
    ['that names something and does not say whether it is permitted', { actor: [charity] }, rule('OPTIN'), 'provision-type-missing Consent.provision.type'],
    ['without any effect', {}, {}, 'provision-type-missing Consent.provision.type'],
    ['whose policy contradicts it', { type: 'permit', actor: [charity] }, rule('OPTOUT'), 'policies-contradict Consent.provision.type'],
    ['whose policies contradict one another', { type: 'deny' }, { ...rule('OPTOUT'), policy: [{ uri: 'https://profiles.ihe.net/ITI/PCF/Policy-all-normal' }] }, 'policies-contradict Consent.policyRule'],
    ['for a carer', { type: 'permit', actor: [to('RelatedPerson/mum')] }, {}, 'recipient-not-supported Consent.provision.actor[0].reference'],
    ['for a custodian', { type: 'deny', actor: [{ ...charity, role: { coding: [{ code: 'CST' }] } }] }, {}, 'actor-role-not-supported Consent.provision.actor[0].role'],
    ['for research', { type: 'deny', purpose: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HRESCH' }] }, {}, 'purpose-not-supported Consent.provision.purpose[0]'],
    ['with half a category', { type: 'permit', actor: [charity], class: types('ServiceRequest') }, {}, 'class-incomplete Consent.provision.class'],
    ['with an unknown class', { type: 'deny', class: types('Medication') }, {}, 'class-not-supported Consent.provision.class[0]'],
    ['with dependents of a resource', { type: 'deny', data: [{ meaning: 'dependents', reference: { reference: 'Flag/f1' } }] }, {}, 'data-not-supported Consent.provision.data[0]'],
    ['with a code', { type: 'deny', code: [{ text: 'x' }] }, {}, 'provision-not-supported Consent.provision.code'],
    ['with security labels', { type: 'deny', securityLabel: [{ code: 'V' }] }, {}, 'provision-not-supported Consent.provision.securityLabel'],
    ['with an action', { type: 'deny', action: [{ text: 'x' }] }, {}, 'provision-not-supported Consent.provision.action'],
    ['with a permission within a refusal', { type: 'deny', provision: [{ type: 'permit', actor: [charity] }] }, {}, 'exception-not-supported Consent.provision.provision[0].type'],
    ['with an exception for one recipient', { type: 'permit', actor: [charity], provision: [{ type: 'deny', class: types('Flag'), actor: [charity] }] }, {}, 'provision-not-supported Consent.provision.provision[0].actor'],
    ['that is a draft', { type: 'deny' }, { status: 'draft' }, 'status-not-supported Consent.status'],
    ['to treatment', { type: 'deny' }, { scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'treatment' }] } }, 'scope-not-supported Consent.scope'],
    ['with a modifier', { type: 'deny' }, { modifierExtension: [{ url: 'x', valueBoolean: true }] }, 'extension-not-supported Consent.modifierExtension'],
    ['on safeguarding without reason and person', { type: 'permit', actor: [charity] }, { extension: [basis('safeguarding-public-interest')] }, 'reason-and-person-missing Consent.extension'],
    ['on a duty that is not in force', { type: 'permit', actor: [charity] }, { extension: [basis('safeguarding-16la'), { url: EXTENSIONS.decisionReason, valueString: 'r' }], performer: [{ display: 'p' }] }, 'basis-not-in-force Consent.extension'],
    ['as break glass', { type: 'permit', actor: [charity] }, { policy: [{ uri: 'https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only' }] }, 'break-glass-not-offered Consent.policy'],
    ['on an unknown basis', { type: 'deny' }, { extension: [basis('because')] }, `code-unknown Consent.extension('${EXTENSIONS.lawfulBasis}')`],
    ['whose period is empty', { type: 'deny', period: { start: '2026-02-02', end: '2026-02-01' } }, {}, 'period-empty Consent.provision.period'],
  ])('%s is refused, and the place is named', (_, provision, more, expected) => {
    expect(refused(provision, more)).toContain(expected);
  });

  it('that a decision was written as reads back as that decision', () => {
    const scope: fc.Arbitrary<Scope> = fc.oneof(
      fc.constant<Scope>({ kind: 'record' }),
      fc.subarray([...OPENABLE], { minLength: 1 }).map((categories): Scope => ({ kind: 'categories', categories })),
      fc.constant<Scope>({ kind: 'items', items: ['Flag/f1', 'CarePlan/c'] }),
    );
    const arbitrary = fc.record({
      effect: fc.constantFrom('permit' as const, 'deny' as const), scope, withheld: fc.array(scope.filter(({ kind }) => kind !== 'record'), { maxLength: 2 }),
      recipients: fc.subarray(['charity', 'club'], { minLength: 1 }), context: fc.option(fc.constant('r1'), { nil: undefined }), from: fc.option(fc.constant(day(-1)), { nil: undefined }), until: fc.option(fc.constant(day(9)), { nil: undefined }),
      status: fc.constantFrom('active' as const, 'inactive' as const), basis: fc.constantFrom('explicit' as const, 'parental' as const, 'best-interests' as const), capacity: fc.option(fc.constant('parental'), { nil: undefined }),
    });
    fc.assert(fc.property(arbitrary, ({ context, from, until, capacity, withheld, ...rest }) => {
      const before: Decision = decision({
        ...rest, withheld: rest.effect === 'deny' ? [] : withheld, ...(context && rest.scope.kind !== 'items' ? { context } : {}), ...(from ? { from } : {}), ...(until ? { until } : {}), ...(capacity ? { capacity } : {}),
      });
      const { id: _id, patient: _patient, recorder: _recorder, reach: _reach, recipients, ...content } = before;
      const { recipients: named, ...after } = read(consentOf(before).provision, consentOf(before));
      expect(after).toEqual(content);
      expect((named as readonly { partner: string }[]).map(({ partner }) => partner)).toEqual(recipients);
    }), { numRuns: 200 });
  });
});
