import { CAPACITY, EXTENSIONS, LAWFUL_BASIS, type LawfulBasis } from '@baton/contracts';
import type { Coding, Consent, ConsentProvision, Extension } from '@baton/fhir';
import { broken, ok, type Result, type Violation } from '@baton/kernel';
import { ACT_CODE, CONSENT_SCOPE, PCF_POLICIES } from './consent-codes.js';
import { boundsOf, noteUnread, noting, readPeriod, readPurpose, readRecipients, readScope, type Note, type Recipient } from './consent-provision.fhir.js';
import { overrides, type Decision, type Scope } from './decision.js';

/** What a Consent says, before services are resolved to partners and before anybody asks who recorded it. */
export type ConsentReading = Pick<Decision, 'effect' | 'scope' | 'context' | 'withheld' | 'purpose' | 'basis' | 'capacity' | 'justified' | 'dateTime' | 'from' | 'until' | 'status'> & {
  readonly recipients: readonly Recipient[] | 'everyone-but-owner';
};

/** How far ahead of the database's clock a decision's time may be. */
export const AHEAD_MS = 5 * 60_000;

const STATUSES = ['active', 'inactive', 'entered-in-error'] as const;

/**
 * Reads a Consent as a decision. What Baton cannot enforce just as it is written is refused with its place: a decision is
 * never narrowed or widened in silence.
 *
 * @param now a Consent without `dateTime` was decided now; a date alone is taken as early as it allows for a permission, and
 *   as late for a refusal
 */
export function readConsent(consent: Consent, now: Date): Result<ConsentReading> {
  const violations: Violation[] = [];
  const note = noting(violations);
  const provision: ConsentProvision = consent.provision ?? {};
  const at = 'Consent.provision';
  const status = STATUSES.find((each) => each === consent.status);
  if (!status) note('status-not-supported', 'A decision is active, inactive (withdrawn) or entered-in-error; record a refusal as an active Consent that denies.', 'Consent.status');
  if (!consent.scope?.coding?.some(({ system, code }) => system === CONSENT_SCOPE && code === 'patient-privacy')) {
    note('scope-not-supported', 'Baton keeps decisions about sharing: scope patient-privacy.', 'Consent.scope');
  }
  if (Object.hasOwn(consent, 'modifierExtension')) note('extension-not-supported', 'Baton does not know this modifier, and must not ignore it.', 'Consent.modifierExtension');
  noteUnread(provision, at, note);
  readPurpose(provision, at, note);
  const policy = policyOf(consent, note);
  const basis = basisOf(consent, policy, note);
  const effect = effectOf(provision, policy, note);
  const named = readRecipients(provision, at, note);
  const { scope, context } = readScope(provision, at, note);
  const withheld = readExceptions(provision, effect, at, note);
  const dateTime = timeOf(consent, effect, now, note);
  const capacity = codeOf(consent, EXTENSIONS.decisionCapacity, CAPACITY, note);
  const reading: ConsentReading = {
    effect, scope, withheld, purpose: 'TREAT', basis, dateTime, status: status ?? 'active',
    recipients: named.length > 0 ? named : 'everyone-but-owner',
    justified: reasonGiven(consent) && someoneAnswers(consent),
    ...(context === undefined ? {} : { context }), ...(capacity === undefined ? {} : { capacity }), ...readPeriod(provision, at, note),
  };
  noteBasis(reading, consent, note);
  const [first, ...rest] = violations;
  return first ? broken(first, ...rest) : ok(reading);
}

type Policy = 'permit' | 'deny' | 'implied' | undefined;

const POLICY_RULES: Readonly<Record<string, Policy>> = { OPTIN: 'permit', OPTINR: 'permit', OPTOUT: 'deny', OPTOUTE: 'deny', IMPLIED: 'implied', IMPLIEDD: 'implied' };

function policyOf(consent: Consent, note: Note): Policy {
  const rule = consent.policyRule?.coding?.filter(({ system }) => system === ACT_CODE).map(({ code }) => POLICY_RULES[code ?? '']).find((each) => each !== undefined);
  const policies = (consent.policy ?? []).flatMap(({ uri }) => (uri !== undefined && Object.hasOwn(PCF_POLICIES, uri) ? [PCF_POLICIES[uri]!] : []));
  if (policies.includes('break-glass')) note('break-glass-not-offered', 'Break glass is not offered by a Consent.', 'Consent.policy');
  const all = [...new Set([...(rule === undefined ? [] : [rule === 'implied' ? 'permit' : rule]), ...policies.filter((each) => each !== 'break-glass')])];
  if (all.length > 1) note('policies-contradict', 'One policy permits and another denies.', 'Consent.policyRule', 'invariant');
  return rule ?? policies.find((each) => each !== 'break-glass');
}

function effectOf(provision: ConsentProvision, policy: Policy, note: Note): Decision['effect'] {
  const says = policy === 'implied' ? 'permit' : policy;
  if (provision.type !== undefined) {
    if (says !== undefined && says !== provision.type) note('policies-contradict', `The policy would ${says}, the provision would ${provision.type}.`, 'Consent.provision.type', 'invariant');
    return provision.type;
  }
  // Without a type it is not said whether what the provision names is what is permitted or what is left out.
  const bare = Object.keys(provision).every((element) => element === 'period' || element === 'purpose' || element === 'id');
  if (!bare || says === undefined) note('provision-type-missing', 'Say permit or deny in provision.type.', 'Consent.provision.type', 'required');
  return says ?? 'deny';
}

/** Nested provisions are what a permission leaves out: denied classes or resources, and nothing else in them. */
function readExceptions(provision: ConsentProvision, effect: Decision['effect'], at: string, note: Note): Scope[] {
  return (provision.provision ?? []).flatMap((nested, i): Scope[] => {
    const place = `${at}.provision[${i}]`;
    noteUnread(nested, place, note, ['actor', 'period', 'purpose', 'provision']);
    if (effect === 'deny' || nested.type !== 'deny') {
      note('exception-not-supported', 'An exception denies something within a permission. To permit something in spite of a refusal, record a Consent of its own: the more specific wins.', `${place}.type`);
      return [];
    }
    const { scope, context } = readScope(nested, place, note);
    if (scope.kind === 'record' || context !== undefined) note('exception-not-supported', 'An exception names classes, or single resources.', place);
    return [scope];
  });
}

function timeOf(consent: Consent, effect: Decision['effect'], now: Date, note: Note): Date {
  if (consent.dateTime === undefined) return now;
  const bounds = boundsOf(consent.dateTime);
  if (!bounds) {
    note('date-not-readable', 'dateTime is a FHIR dateTime.', 'Consent.dateTime', 'value');
    return now;
  }
  if (bounds.first.getTime() > now.getTime() + AHEAD_MS) note('decided-ahead-of-time', 'A decision is recorded after it was taken; dateTime is more than 5 minutes ahead.', 'Consent.dateTime', 'business-rule');
  const partial = bounds.after.getTime() - bounds.first.getTime() > 1000;
  if (effect === 'permit' || !partial) return bounds.first;
  return new Date(Math.max(bounds.first.getTime(), Math.min(bounds.after.getTime() - 1, now.getTime())));
}

const extensions = (consent: Consent, url: string): Extension[] => (consent.extension ?? []).filter((each) => each.url === url);
const reasonGiven = (consent: Consent): boolean => extensions(consent, EXTENSIONS.decisionReason).some(({ valueString }) => (valueString ?? '').trim() !== '');
const someoneAnswers = (consent: Consent): boolean => (consent.performer ?? []).some(({ reference, identifier, display }) => reference !== undefined || identifier !== undefined || display !== undefined);

function codeOf(consent: Consent, url: string, list: { system: string; title: string; codes: Readonly<Record<string, string>> }, note: Note): string | undefined {
  const [found, ...more] = extensions(consent, url);
  if (!found) return undefined;
  const coding: Coding | undefined = found.valueCoding ?? found.valueCodeableConcept?.coding?.find(({ system }) => system === list.system);
  const known = more.length === 0 && coding?.system === list.system && coding.code !== undefined && Object.hasOwn(list.codes, coding.code);
  if (!known) note('code-unknown', `${list.title}: one code of ${list.system}.`, `Consent.extension('${url}')`, 'code-invalid');
  return known ? coding.code : undefined;
}

function basisOf(consent: Consent, policy: Policy, note: Note): LawfulBasis {
  const given = codeOf(consent, EXTENSIONS.lawfulBasis, LAWFUL_BASIS, note) as LawfulBasis | undefined;
  if (given !== undefined && (policy === 'implied') !== (given === 'implied-direct-care')) {
    note('basis-contradicts-policy', 'Implied consent is policyRule IMPLIED, and nothing else is.', 'Consent.policyRule', 'invariant');
  }
  return given ?? (policy === 'implied' ? 'implied-direct-care' : 'explicit');
}

/** What a basis demands (domain §7). */
function noteBasis({ basis, effect, recipients, scope, context, capacity, justified, withheld }: ConsentReading, consent: Consent, note: Note): void {
  const at = 'Consent.extension';
  if (basis === 'break-glass') note('break-glass-not-offered', 'Break glass is not offered by a Consent.', at);
  if (basis === 'safeguarding-16la') note('basis-not-in-force', 'Section 16LA of the Children Act 2004 is not in force here yet; safeguarding in the public interest is.', at);
  if ((overrides(basis) || basis === 'gillick') && !justified) {
    note('reason-and-person-missing', `This basis needs a reason (extension ${EXTENSIONS.decisionReason}) and the person who answers for it (performer).`, reasonGiven(consent) ? 'Consent.performer' : at, 'required');
  }
  if (basis === 'gillick' && capacity !== undefined && capacity !== 'gillick') note('capacity-contradicts-basis', 'Gillick-competent consent rests on Gillick competence.', at, 'invariant');
  if (basis === 'implied-direct-care') {
    if (recipients !== 'everyone-but-owner' || scope.kind !== 'record' || context !== undefined || withheld.length > 0) {
      note('implied-names-nothing', 'Implied consent reaches its own referral and no more: it names neither recipients nor contents.', 'Consent.provision', 'business-rule');
    }
  } else if (effect === 'permit' && recipients === 'everyone-but-owner') {
    note('recipient-missing', 'Say who may see it: a permission has recipients (provision.actor, role IRCP).', 'Consent.provision.actor', 'required');
  }
}
