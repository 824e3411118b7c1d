import { isDeepStrictEqual } from 'node:util';
import { resourceType, type DecisionFacts, type NewEvent } from '@baton/contracts';
import { idOf, type Consent, type Resource } from '@baton/fhir';
import { read, unknownReference, type Amendment, type Draft, type Ruling, type TypeRules } from '@baton/fhir-store';
import { batonActs, refuse, refuseIfAny, Refused, type Caller, type Result, type Violation } from '@baton/kernel';
import { statement, type Tx } from '@baton/postgres';
import { readConsent, type ConsentReading } from './consent.fhir.js';
import { overrides, type Scope } from './decision.js';
import { outcomeOf } from './judgement.store.js';
import { cutsIntoCategories, lockedState, type PersonState, type StoredDecision } from './person.store.js';

/**
 * Consent: a permission is recorded by who owns what it opens, a refusal by anyone who may see the Patient (design §4, "Who writes").
 * The person is judged anew under its lock, and what follows is written with the Consent: it holds from that commit on.
 */
export const consentRules: TypeRules = { type: 'Consent', schema: 'consent', patientOf: (resource) => patientOf(resource as unknown as Consent), create, update };

const AT_PATIENT = 'Consent.patient.reference';
const patientOf = (consent: Consent): string | undefined => idOf(consent.patient?.reference, 'Patient');
const asConsent = (resource: Resource): Consent => resource as unknown as Consent;
const rule = (name: string, says: string, at: string): Violation => ({ rule: name, says, at: [at], code: 'business-rule' });

async function create(tx: Tx, caller: Caller, { id, resource }: Draft): Promise<Ruling> {
  const consent = asConsent(resource);
  const reading = valueOf(readConsent(consent, tx.now));
  if (reading.status !== 'active') throw refuse('rule-broken', 'decision-not-active', 'A decision begins active; it is withdrawn by changing it.', { at: ['Consent.status'] });
  const patient = patientOf(consent);
  if (patient === undefined) throw refuse('rule-broken', 'patient-missing', 'Say whom it is about: patient names a Patient.', { at: [AT_PATIENT], code: 'required' });
  const seen = await read(tx, caller, 'Patient', patient);
  if (!seen || seen.deleted) throw new Refused('rule-broken', [unknownReference(AT_PATIENT)]);
  const named = await resolve(tx, reading);
  await checkWho(tx, caller, { reading, named, patient, ownsPatient: seen.owner === caller.partner });

  const state = await lockedState(tx, patient, cutsIntoCategories(reading));
  const decision = decisionOf({ id, patient, recorder: caller.partner, reading: valueOf(readConsent(consent, state.facts.now)), named, reach: reachOf(state, patient) });
  const { rows, events } = outcomeOf(state, { decision });
  return { patient, rows, events: [eventOf('decision-recorded', decision, 1), ...events] };
}

async function update(tx: Tx, caller: Caller, { current, before, resource }: Amendment): Promise<Ruling> {
  const patient = current.patient!;
  const state = await lockedState(tx, patient, cutsIntoCategories(valueOf(readConsent(asConsent(resource), tx.now))));
  const stored = state.decisions.find(({ id }) => id === current.id);
  if (!stored) throw new Error('A Consent without its decision');
  const reading = valueOf(readConsent(asConsent(resource), state.facts.now));
  const isOpen = stored.status === 'active' && reading.status === 'active';
  const differs = (isOpen ? CONTENT : SHAPE).some((element) => !isDeepStrictEqual(before[element], resource[element]));
  checkStatus(stored, reading, differs);
  const named = differs ? await resolve(tx, reading) : undefined;
  const ownsPatient = (await ownerOf(tx, caller, `Patient/${patient}`)) === caller.partner;
  if (named) await checkWho(tx, caller, { reading, named, patient, ownsPatient });
  if (lifts(stored, reading, differs) && !(await ownsWhatItShut(tx, caller, stored, ownsPatient))) {
    throw refuse('rule-broken', 'not-yours-to-open', 'To take back a refusal is to open again: only the owner of what it shut does that.', { at: ['Consent.status'] });
  }
  const reach = reachOf(state, patient, stored.reach);
  const withdrawn = stored.status === 'active' && reading.status === 'inactive';
  const decision: StoredDecision = named
    ? decisionOf({ id: current.id, patient, recorder: stored.recorder, reading, named, reach })
    : { ...stored, status: reading.status, reach, ...(withdrawn ? { withdrawnAt: state.facts.now } : {}) };
  const { rows, events } = outcomeOf(state, { decision });
  return { rows, events: [eventOf('decision-amended', decision, current.version + 1), ...events] };
}

function valueOf(result: Result<ConsentReading>): ConsentReading {
  if (!result.ok) throw new Refused('rule-broken', result.violations);
  return result.value;
}

/** Elements by which a Consent says what it decides; and those that must stay as they were when it is withdrawn. */
const CONTENT = ['scope', 'policy', 'policyRule', 'provision', 'dateTime', 'extension', 'performer'] as const;
const SHAPE = ['scope', 'policy', 'policyRule', 'provision'] as const;

function checkStatus(stored: StoredDecision, reading: ConsentReading, differs: boolean): void {
  const back = stored.status === 'entered-in-error' ? reading.status !== 'entered-in-error' : stored.status === 'inactive' && reading.status === 'active';
  if (back) throw refuse('rule-broken', 'withdrawn-is-final', `The decision is ${stored.status}; record a new Consent for a change of mind.`, { at: ['Consent.status'] });
  if (differs && (stored.status !== 'active' || reading.status !== 'active')) {
    throw refuse('rule-broken', 'decision-stays-as-it-was', 'A decision that is withdrawn, or was recorded in error, keeps what it said.', { at: ['Consent.provision'] });
  }
}

/** Does the change take back, or may it weaken, a refusal? */
function lifts(stored: StoredDecision, reading: ConsentReading, differs: boolean): boolean {
  if (stored.effect !== 'deny' || stored.status !== 'active') return false;
  if (reading.status !== 'active') return true;
  const plain = reading.effect === 'deny' && reading.recipients === 'everyone-but-owner' && reading.scope.kind === 'record' && !reading.context && !reading.from && !reading.until && reading.dateTime >= stored.dateTime;
  return differs && !plain;
}

async function ownsWhatItShut(tx: Tx, caller: Caller, { scope, context }: StoredDecision, ownsPatient: boolean): Promise<boolean> {
  const things = scope.kind === 'items' ? scope.items : context === undefined ? undefined : [`ServiceRequest/${context}`];
  if (!things) return ownsPatient;
  for (const thing of things) if ((await ownerOf(tx, caller, thing)) !== caller.partner) return false;
  return true;
}

/** Who owns a resource, whether or not the caller may see it: asked only of what the caller's own decision names. */
async function ownerOf(tx: Tx, caller: Caller, reference: string): Promise<string | undefined> {
  const [type = '', id = ''] = reference.split('/');
  return (await read(tx, batonActs(caller), type, id))?.owner;
}

interface Named {
  readonly partners: readonly string[];
  readonly services: readonly string[];
  /** Partner ids of all of them. */
  readonly resolved: readonly string[];
}

const BEHIND = statement(`SELECT DISTINCT n.service, n.partner FROM directory.recipient_v1 n WHERE n.service = ANY($1::text[])`);

async function resolve(tx: Tx, { recipients }: ConsentReading): Promise<Named> {
  if (recipients === 'everyone-but-owner') return { partners: [], services: [], resolved: [] };
  const partners = recipients.flatMap((one) => ('partner' in one ? [one.partner] : []));
  const services = recipients.flatMap((one) => ('service' in one ? [one] : []));
  const behind = services.length > 0 ? await tx.query<{ service: string; partner: string }>(BEHIND, [services.map(({ service }) => service)]) : [];
  refuseIfAny('rule-broken', services.filter(({ service }) => !behind.some((each) => each.service === service)).map(({ at }) => rule('recipient-unknown', 'Nobody provides this service in the pathway in force.', at)));
  return { partners: [...new Set(partners)], services: [...new Set(services.map(({ service }) => service))], resolved: [...new Set([...partners, ...behind.map(({ partner }) => partner)])] };
}

/** May this partner record this decision? */
async function checkWho(tx: Tx, caller: Caller, { reading, named, patient, ownsPatient }: { reading: ConsentReading; named: Named; patient: string; ownsPatient: boolean }): Promise<void> {
  const { effect, basis, scope, recipients } = reading;
  const opensAll = effect === 'permit' && overrides(basis);
  const violations: Violation[] = [];
  if (effect === 'permit' && recipients !== 'everyone-but-owner') {
    const others = named.resolved.filter((partner) => partner !== caller.partner);
    if (named.partners.includes(caller.partner) || others.length === 0 || (opensAll && others.length < named.resolved.length)) {
      violations.push(rule('grants-itself', 'Nobody opens to itself what it does not own, and what it owns it sees: name others as recipients.', 'Consent.provision.actor'));
    }
    if (opensAll && !ownsPatient) violations.push(rule('not-yours-to-open', 'What others own is opened, for an overriding reason, by the partner whose Patient it is.', AT_PATIENT));
  }
  const scopes: readonly (readonly [Scope, string])[] = [[scope, 'Consent.provision.data'], ...reading.withheld.map((except, i) => [except, `Consent.provision.provision[${i}].data`] as const)];
  for (const [each, at] of scopes) if (each.kind === 'items') violations.push(...(await checkItems(tx, caller, each.items, at, patient, effect === 'permit' && !opensAll && each === scope)));
  refuseIfAny('rule-broken', violations);
}

async function checkItems(tx: Tx, caller: Caller, items: readonly string[], at: string, patient: string, mustOwn: boolean): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const [i, item] of items.entries()) {
    const [type = '', id = ''] = item.split('/');
    const row = resourceType(type) ? await read(tx, caller, type, id) : undefined;
    const place = `${at}[${i}].reference.reference`;
    if (!row || row.deleted) violations.push(unknownReference(place));
    else if (row.patient !== patient) violations.push(rule('not-about-them', 'The resource is about another Patient than the decision.', place));
    else if (mustOwn && row.owner !== caller.partner) violations.push(rule('not-yours-to-open', 'Only the owner of a resource opens it to others.', place));
  }
  return violations;
}

const reachOf = ({ facts }: PersonState, patient: string, before: readonly string[] = []): string[] => [...new Set([...before, ...facts.patients.filter((other) => other !== patient)])].sort();

function decisionOf({ id, patient, recorder, reading, named, reach }: { id: string; patient: string; recorder: string; reading: ConsentReading; named: Named; reach: readonly string[] }): StoredDecision {
  const { recipients, ...content } = reading;
  return { ...content, id, patient, recorder, recipients: recipients === 'everyone-but-owner' ? recipients : named.resolved, named: { partners: named.partners, services: named.services }, reach };
}

const eventOf = (name: string, { id, patient, recorder, recipients, status, effect, basis }: StoredDecision, version: number): NewEvent => ({
  type: `baton.consent.${name}.v1`,
  key: id,
  version,
  data: { decision: id, patient, owner: recorder, recipients: recipients === 'everyone-but-owner' ? [] : [...recipients], status, effect, basis, dataref: `Consent/${id}/_history/${version}` } satisfies DecisionFacts,
});
