import { requirePermission } from '@baton/access';
import { conditionalReferences, readTransaction, resolveReferences, validate, writtenTwice, type EntryRequest, type Resource } from '@baton/fhir';
import {
  answeredBefore,
  claim,
  create,
  lock,
  matchOf,
  notOffered,
  patch,
  read,
  remove,
  shown,
  unknownResource,
  update,
  write,
  type Change,
  type IdempotencyClaim,
  type KeptAnswer,
  type ResourceAnswer,
  type TypeRules,
} from '@baton/fhir-store';
import type { NewEvent } from '@baton/contracts';
import { crashPoint, newId, refuse, refuseIfAny, type Caller, type Violation } from '@baton/kernel';
import { writeOutbox } from '@baton/messaging';
import { roleOf, type Schema, type Tx } from '@baton/postgres';
import { ifMatch, type Host } from '@baton/service-host';
import { executionOrder } from './entry-order.js';
import { keepAnswer, withoutBody } from './gateway.interactions.js';
import { located } from './located.js';
import { patchOf } from './patch-entry.js';

/** Rules by type, of all services. */
export type Registry = ReadonlyMap<string, TypeRules>;

/** What became of each entry, in the order of the Bundle. */
export type EntryAnswers = readonly ResourceAnswer[];

/**
 * Carries out a transaction Bundle: all of it or nothing, whatever types it holds, in one database transaction. Each command
 * runs under the role of its service; events are written after all entries, once per schema, in schema order.
 *
 * @throws Refused with every place that is wrong, as `Bundle.entry[n]…`; nothing of the Bundle is stored then
 */
export async function transact(host: Host, registry: Registry, caller: Caller, bundle: Resource, idempotency?: IdempotencyClaim): Promise<EntryAnswers> {
  const requests = readTransaction(bundle, host.fhirBase());
  prepare(registry, caller, requests);
  return host.database.transaction((tx) => inOneTransaction(tx, host, registry, caller, structuredClone(requests), idempotency));
}

async function inOneTransaction(tx: Tx, host: Host, registry: Registry, caller: Caller, requests: EntryRequest[], idempotency: IdempotencyClaim | undefined): Promise<EntryAnswers> {
  const before = idempotency && (await claim<KeptAnswer[]>(tx, 'gateway', caller, idempotency));
  if (before) return answeredAgain(tx, caller, before);
  const answers = await carryOutAll(tx, host, registry, caller, requests);
  if (idempotency) await keepAnswer(tx, caller, idempotency, answers.map(withoutBody));
  return answers;
}

/** The answers of the first time, one after the other: a connection takes one statement at a time. */
async function answeredAgain(tx: Tx, caller: Caller, before: readonly KeptAnswer[]): Promise<EntryAnswers> {
  const answers: ResourceAnswer[] = [];
  for (const answer of before) answers.push(await answeredBefore(tx, caller, answer));
  return answers;
}

/**
 * Carries out entries in a transaction that is open: for whatever claims or keeps something beside them (`transact`, messages). Call
 * {@link prepare} before it.
 *
 * @param requests their `place` is their position; references inside are rewritten in place
 */
export async function carryOutAll(tx: Tx, host: Pick<Host, 'fhirBase'>, registry: Registry, caller: Caller, requests: EntryRequest[]): Promise<EntryAnswers> {
  const answers: ResourceAnswer[] = [];
  await settleConditions(tx, host, registry, caller, requests);
  const assigned = await assign(tx, host, caller, requests, answers);
  // By what entries call one another: afterwards they name ids.
  const order = executionOrder(requests);
  refuseIfAny('rule-broken', resolveReferences(requests, assigned.references));
  await lockExisting(tx, registry, caller, requests);

  const events = new Map<Schema, NewEvent[]>();
  for (const place of order) {
    if (answers[place]) continue;
    const request = requests[place]!;
    answers[place] = await carryOut(tx, registry, caller, request, assigned.ids.get(place), events).catch((error: unknown) => {
      throw located(error, request, requests);
    });
    crashPoint('bundle.entry-written');
  }
  await Promise.all([...events.keys()].sort().map((schema) => writeOutbox(tx.as(roleOf(schema)), schema, events.get(schema)!, caller)));
  return answers;
}

/** Everything that can be said of the Bundle without looking at what is stored: all of it at once. */
export function prepare(registry: Registry, caller: Caller, requests: readonly EntryRequest[]): void {
  const violations: Violation[] = [];
  for (const request of requests) {
    const rules = registry.get(request.type);
    const at = `Bundle.entry[${request.place}].request.url`;
    if (!rules) {
      violations.push({ rule: 'type-not-offered', says: `${request.type === '' ? 'The system level' : request.type} cannot be used in a transaction here.`, at: [at], code: 'not-supported' });
      continue;
    }
    if (!CARRIED_OUT.has(request.interaction)) {
      violations.push({ rule: 'interaction-not-offered', says: `${request.interaction} is not offered in a transaction; send it by itself or in a batch.`, at: [at], code: 'not-supported' });
      continue;
    }
    if (!offered(rules, request.interaction)) throw located(notOffered(request.type, request.interaction), request);
    requirePermission(caller, request.type, request.interaction as 'create');
    if (request.resource && request.interaction !== 'patch') violations.push(...validate(request.resource, request.type, `Bundle.entry[${request.place}].resource`));
    if (isConditional(request) || request.ifNoneExist !== undefined) requirePermission(caller, request.type, 'search');
  }
  refuseIfAny('malformed', violations);
}

/** A conditional update, patch or delete. */
const isConditional = ({ interaction, id, query }: EntryRequest): boolean => id === undefined && query !== undefined && interaction !== 'read';

/**
 * Gives every conditional update, patch and delete the id of what its condition leads to, before anything is written (R4 §3.1.0.11.2); an update of what is not
 * there becomes a create.
 */
async function settleConditions(tx: Tx, host: Pick<Host, 'fhirBase'>, registry: Registry, caller: Caller, requests: EntryRequest[]): Promise<void> {
  for (const [place, request] of requests.entries()) {
    if (!isConditional(request)) continue;
    try {
      requests[place] = await settled(tx, host, registry, caller, request);
    } catch (error) {
      throw located(error, request);
    }
  }
  refuseIfAny('malformed', writtenTwice(requests));
}

async function settled(tx: Tx, host: Pick<Host, 'fhirBase'>, registry: Registry, caller: Caller, request: EntryRequest): Promise<EntryRequest> {
  const { type, interaction, query, ...rest } = request;
  const match = await matchOf(tx, caller, type, query!, host.fhirBase());
  if (match) return { ...rest, type, interaction, id: match.id };
  if (interaction !== 'update' || request.resource!.id !== undefined) throw unknownResource(type);
  if (!offered(registry.get(type)!, 'create')) throw notOffered(type, 'create');
  requirePermission(caller, type, 'create');
  return { ...rest, type, interaction: 'create', method: 'POST' };
}

const CARRIED_OUT = new Set<string>(['create', 'update', 'patch', 'delete', 'read']);

const offered = (rules: TypeRules, interaction: string): boolean =>
  interaction === 'create' ? rules.create !== undefined : interaction === 'delete' ? rules.remove !== undefined : interaction === 'read' || rules.update !== undefined;

interface Assigned {
  /** fullUrl or condition → `Type/id`. */
  readonly references: Map<string, string>;
  /** Place → id of what is created there. */
  readonly ids: Map<number, string>;
}

/** Gives every new resource its id, and looks up what conditions lead to, as far as the caller may see it. */
async function assign(tx: Tx, host: Pick<Host, 'fhirBase'>, caller: Caller, requests: readonly EntryRequest[], answers: ResourceAnswer[]): Promise<Assigned> {
  const references = new Map<string, string>();
  const ids = new Map<number, string>();
  for (const request of requests) {
    const { place, interaction, type, fullUrl } = request;
    if (interaction === 'create') {
      const match = request.ifNoneExist === undefined ? undefined : await matchOf(tx, caller, type, request.ifNoneExist, host.fhirBase());
      const id = match?.id ?? newId();
      if (match) answers[place] = { outcome: 'unchanged', type, id, version: match.version, lastUpdated: match.last_updated, body: shown(caller, match) };
      else ids.set(place, id);
      if (fullUrl !== undefined) references.set(fullUrl, `${type}/${id}`);
    } else if (fullUrl !== undefined && request.id !== undefined) references.set(fullUrl, `${type}/${request.id}`);
  }
  for (const condition of conditionalReferences(requests)) {
    const [type = '', query = ''] = condition.split(/\?(.*)/s);
    requirePermission(caller, type, 'search');
    const match = await matchOf(tx, caller, type, query, host.fhirBase());
    if (match) references.set(condition, `${type}/${match.id}`);
  }
  return { references, ids };
}

/** Locks what exists before anything is written, in one order for everybody, so that two Bundles do not wait for one another. */
async function lockExisting(tx: Tx, registry: Registry, caller: Caller, requests: readonly EntryRequest[]): Promise<void> {
  const existing = requests
    .filter(({ interaction, id }) => id !== undefined && ['update', 'patch', 'delete'].includes(interaction))
    .map((request) => ({ rules: registry.get(request.type)!, id: request.id! }))
    .sort((a, b) => compare(a.rules.schema, b.rules.schema) || compare(a.rules.type, b.rules.type) || compare(a.id, b.id));
  for (const { rules, id } of existing) {
    const own = tx.as(roleOf(rules.schema));
    if (rules.lockFirst) await own.query(rules.lockFirst, [id]);
    else await lock(own, caller, rules.type, id);
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function carryOut(tx: Tx, registry: Registry, caller: Caller, request: EntryRequest, id: string | undefined, events: Map<Schema, NewEvent[]>): Promise<ResourceAnswer> {
  const rules = registry.get(request.type)!;
  if (request.interaction === 'read') return readEntry(tx, caller, request);
  const own = tx.as(roleOf(rules.schema));
  const change = await command(own, rules, caller, request, id);
  await write(own, rules.schema, caller, change, { outbox: false });
  const queued = events.get(rules.schema);
  if (queued) queued.push(...change.events);
  else if (change.events.length > 0) events.set(rules.schema, [...change.events]);
  return change.answer;
}

function command(tx: Tx, rules: TypeRules, caller: Caller, request: EntryRequest, id: string | undefined): Promise<Change<ResourceAnswer>> {
  const seen = ifMatch({ 'if-match': request.ifMatch });
  switch (request.interaction) {
    case 'create':
      return create(rules, tx, caller, { resource: request.resource!, ...(id === undefined ? {} : { id }) });
    case 'update':
      return update(rules, tx, caller, { id: request.id!, resource: request.resource!, ifMatch: seen });
    case 'patch':
      return patch(rules, tx, caller, { id: request.id!, operations: patchOf(request), ifMatch: seen });
    case 'delete':
      return remove(rules, tx, caller, { id: request.id!, ifMatch: seen });
    default:
      throw refuse('not-allowed', 'interaction-not-offered', `${request.interaction} is not offered in a transaction.`);
  }
}

async function readEntry(tx: Tx, caller: Caller, { type, id }: EntryRequest): Promise<ResourceAnswer> {
  const row = await read(tx, caller, type, id!);
  if (!row || row.deleted) throw unknownResource(type);
  return { outcome: 'unchanged', type, id: row.id, version: row.version, lastUpdated: row.last_updated, body: shown(caller, row) };
}
