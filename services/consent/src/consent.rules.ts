import { isDeepStrictEqual } from 'node:util';
import { resourceType, type DecisionFacts, type NewEvent } from '@baton/contracts';
import { idOf, type Consent, type Resource } from '@baton/fhir';
import { read, unknownReference, type Amendment, type Draft, type Ruling, type StoredRow, type TypeRules } from '@baton/fhir-store';
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
  const [seen, known] = await Promise.all([read(tx, caller, 'Patient', patient), lookUp(tx, caller, reading)]);
  if (!seen || seen.deleted) throw new Refused('rule-broken', [unknownReference(AT_PATIENT)]);
  const named = resolve(reading, known);
  checkWho(caller, { reading, named, known, patient, ownsPatient: seen.owner === caller.partner });

  // Only now: who does not see the Patient is not to hold anybody up.
  const state = await lockedState(tx, patient, cutsIntoCategories(reading));
  const decision = decisionOf({ id, patient, recorder: caller.partner, reading: valueOf(readConsent(consent, state.facts.now)), named, reach: reachOf(state, patient) });
  const { rows, events } = outcomeOf(state, { decision });
  return { patient, rows, events: [eventOf('decision-recorded', decision, 1), ...events] };
}

async function update(tx: Tx, caller: Caller, { current, before, resource }: Amendment): Promise<Ruling> {
  const patient = current.patient!;
  const differsIn = (elements: readonly (typeof CONTENT)[number][]): boolean => elements.some((element) => !isDeepStrictEqual(before[element], resource[element]));
  const asked = valueOf(readConsent(asConsent(resource), tx.now));
  const [state, seen, known] = await Promise.all([
    lockedState(tx, patient, cutsIntoCategories(asked)),
    read(tx, batonActs(caller), 'Patient', patient),
    differsIn(CONTENT) ? lookUp(tx, caller, asked) : NOTHING_NAMED,
  ]);
  const stored = state.decisions.find(({ id }) => id === current.id);
  if (!stored) throw new Error('A Consent without its decision');
  const reading = valueOf(readConsent(asConsent(resource), state.facts.now));
  const isOpen = stored.status === 'active' && reading.status === 'active';
  const differs = differsIn(isOpen ? CONTENT : SHAPE);
  checkStatus(stored, reading, differs);
  const named = differs ? resolve(reading, known) : undefined;
  const ownsPatient = seen?.owner === caller.partner;
  if (named) checkWho(caller, { reading, named, known, patient, ownsPatient });
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
  const owners = await Promise.all(things.map((thing) => ownerOf(tx, caller, thing)));
  return owners.every((owner) => owner === caller.partner);
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

/** What is known elsewhere of the services and resources that a decision names. */
interface Known {
  readonly behind: readonly { readonly service: string; readonly partner: string }[];
  /** `Type/id` → the resource, if the caller sees it. */
  readonly items: ReadonlyMap<string, StoredRow>;
}

const NOTHING_NAMED: Known = { behind: [], items: new Map() };

const BEHIND = statement(`SELECT DISTINCT n.service, n.partner FROM directory.recipient_v1 n WHERE n.service = ANY($1::text[])`);

/** Asks for all of it at once, in the turn it is called in. */
async function lookUp(tx: Tx, caller: Caller, { recipients, scope, withheld }: ConsentReading): Promise<Known> {
  const services = recipients === 'everyone-but-owner' ? [] : recipients.flatMap((one) => ('service' in one ? [one.service] : []));
  const items = [...new Set([scope, ...withheld].flatMap((each) => (each.kind === 'items' ? each.items : [])))];
  const [behind, found] = await Promise.all([services.length > 0 ? tx.query<Known['behind'][number]>(BEHIND, [services]) : [], Promise.all(items.map((item) => readItem(tx, caller, item)))]);
  return { behind, items: new Map(items.flatMap((item, i) => (found[i] ? [[item, found[i]] as const] : []))) };
}

async function readItem(tx: Tx, caller: Caller, item: string): Promise<StoredRow | undefined> {
  const [type = '', id = ''] = item.split('/');
  return resourceType(type) ? read(tx, caller, type, id) : undefined;
}

function resolve({ recipients }: ConsentReading, { behind }: Known): Named {
  if (recipients === 'everyone-but-owner') return { partners: [], services: [], resolved: [] };
  const partners = recipients.flatMap((one) => ('partner' in one ? [one.partner] : []));
  const services = recipients.flatMap((one) => ('service' in one ? [one] : []));
  refuseIfAny('rule-broken', services.filter(({ service }) => !behind.some((each) => each.service === service)).map(({ at }) => rule('recipient-unknown', 'Nobody provides this service in the pathway in force.', at)));
  return { partners: [...new Set(partners)], services: [...new Set(services.map(({ service }) => service))], resolved: [...new Set([...partners, ...behind.map(({ partner }) => partner)])] };
}

interface Recording {
  readonly reading: ConsentReading;
  readonly named: Named;
  readonly known: Known;
  readonly patient: string;
  readonly ownsPatient: boolean;
}

/** May this partner record this decision? */
function checkWho(caller: Caller, { reading, named, known, patient, ownsPatient }: Recording): void {
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
  for (const [each, at] of scopes) if (each.kind === 'items') violations.push(...checkItems(caller, each.items, at, { known, patient }, effect === 'permit' && !opensAll && each === scope));
  refuseIfAny('rule-broken', violations);
}

function checkItems(caller: Caller, items: readonly string[], at: string, { known, patient }: Pick<Recording, 'known' | 'patient'>, mustOwn: boolean): Violation[] {
  return items.flatMap((item, i) => {
    const row = known.items.get(item);
    const place = `${at}[${i}].reference.reference`;
    if (!row || row.deleted) return [unknownReference(place)];
    if (row.patient !== patient) return [rule('not-about-them', 'The resource is about another Patient than the decision.', place)];
    return mustOwn && row.owner !== caller.partner ? [rule('not-yours-to-open', 'Only the owner of a resource opens it to others.', place)] : [];
  });
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
