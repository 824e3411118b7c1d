import { resourceType } from '@baton/contracts';
import { applyPatch, parseReference, referencesOf, validateOrRefuse, type Resource } from '@baton/fhir';
import { newId, refuse, Refused, type Caller } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import type { Change, Guards, Put, ResourceAnswer } from './change.js';
import { goneResource, lock, unknownResource } from './reading.js';
import type { StoredRow } from './rows.js';
import { amended, categoryOf, contentOf, stamped, timeOf } from './stamp.js';
import type { Ruling, TypeRules } from './type-rules.js';
import { unknownReference } from './writing.js';

/** A new version, or a new resource, asked for by a caller. */
export interface CreateInput {
  readonly resource: Resource;
  /** The id, where it was settled before (entries of a Bundle refer to one another). */
  readonly id?: string;
}

export interface ChangeInput {
  readonly id: string;
  /** `If-Match`: the version the caller saw. */
  readonly ifMatch?: number | undefined;
}

export interface UpdateInput extends ChangeInput {
  readonly resource: Resource;
}

export interface PatchInput extends ChangeInput {
  readonly operations: unknown;
}

/** Commands are `(tx, caller, input)`; these are the ones every type has, as far as its rules allow. They write nothing. */
export const notOffered = (type: string, interaction: string): Refused =>
  refuse('not-allowed', 'interaction-not-offered', `${interaction} is not offered for ${type}.${resourceType(type)?.deletable === false && interaction === 'delete' ? ' Set its status to entered-in-error instead.' : ''}`);

/** Creates a resource of the type. */
export async function create(rules: TypeRules, tx: Tx, caller: Caller, input: CreateInput): Promise<Change<ResourceAnswer>> {
  if (!rules.create) throw notOffered(rules.type, 'create');
  const id = input.id ?? newId();
  const ruling = await rules.create(tx, caller, { id, resource: input.resource });
  const resource = ruling.resource ?? input.resource;
  const put: Put = {
    type: rules.type,
    id,
    version: 1,
    owner: ruling.owner ?? caller.partner,
    patient: ruling.patient !== undefined ? ruling.patient : (rules.patientOf?.(resource) ?? null),
    category: categoryOf(rules.type),
    context: ruling.context !== undefined ? ruling.context : (rules.contextOf?.(resource) ?? null),
    lastUpdated: tx.now,
    method: 'POST',
    resource: stamped(resource, id, 1, tx.now),
  };
  return changeOf(put, ruling, 'created', 'create', { references: newReferences(resource, undefined, [...(ruling.ownReferences ?? []), `${rules.type}/${id}`]) });
}

/** Replaces the content of a resource. */
export async function update(rules: TypeRules, tx: Tx, caller: Caller, input: UpdateInput): Promise<Change<ResourceAnswer>> {
  if (!rules.update) throw notOffered(rules.type, 'update');
  if (input.resource.id !== undefined && input.resource.id !== input.id) {
    throw refuse('malformed', 'id-differs', 'The id in the body must be that of the resource that is updated.', { at: [`${rules.type}.id`] });
  }
  const current = await lockForChange(rules, tx, caller, input);
  return amend(rules, tx, caller, current, input.resource, 'PUT');
}

/** Changes parts of a resource by JSON Patch; the result must be valid, and is judged by the same rules as an update. */
export async function patch(rules: TypeRules, tx: Tx, caller: Caller, input: PatchInput): Promise<Change<ResourceAnswer>> {
  if (!rules.update) throw notOffered(rules.type, 'patch');
  const current = await lockForChange(rules, tx, caller, input);
  const resource = validateOrRefuse(applyPatch(contentOf(current), input.operations), rules.type);
  return amend(rules, tx, caller, current, resource, 'PATCH');
}

/** Deletes a resource; its history stays. Deleting what is deleted changes nothing. */
export async function remove(rules: TypeRules, tx: Tx, caller: Caller, input: ChangeInput): Promise<Change<ResourceAnswer>> {
  if (!rules.remove) throw notOffered(rules.type, 'delete');
  const current = await lockForChange(rules, tx, caller, input, { orGone: true });
  const answer = { type: rules.type, id: input.id, version: current.version, lastUpdated: current.last_updated, body: '' };
  if (current.deleted) return { puts: [], events: [], audit: [], answer: { outcome: 'unchanged', ...answer } };
  const ruling = await rules.remove(tx, caller, current);
  const before = contentOf(current);
  const put: Put = { ...amended(current, { resourceType: rules.type }, tx.now), method: 'DELETE', replaces: before };
  return changeOf(put, ruling, 'deleted', 'delete', { references: new Map() });
}

async function amend(rules: TypeRules, tx: Tx, caller: Caller, current: StoredRow, resource: Resource, method: 'PUT' | 'PATCH'): Promise<Change<ResourceAnswer>> {
  const before = contentOf(current) as Resource;
  if (rules.patientOf && rules.type !== 'Patient' && rules.patientOf(resource) !== rules.patientOf(before)) {
    throw refuse('rule-broken', 'subject-never-changes', 'What is recorded of one young person cannot be moved to another: mark it entered-in-error and record it anew.', { at: [`${rules.type}.subject`] });
  }
  const ruling = await rules.update!(tx, caller, { current, before, resource, method });
  const next = ruling.resource ?? resource;
  const put = {
    ...amended(current, next, timeOf(tx.now, current), method),
    ...(ruling.patient !== undefined ? { patient: ruling.patient } : {}),
    context: ruling.context !== undefined ? ruling.context : rules.contextOf ? (rules.contextOf(next) ?? null) : current.context,
  };
  const guards: Guards = { target: `${rules.type}/${current.id}`, references: newReferences(next, before, ruling.ownReferences ?? []) };
  return changeOf(put, ruling, 'updated', method === 'PUT' ? 'update' : 'patch', guards);
}

/** Locks what is to be changed, and refuses in the order a caller may learn things: existence, deletion, ownership, version. */
async function lockForChange(rules: TypeRules, tx: Tx, caller: Caller, input: ChangeInput, { orGone = false } = {}): Promise<StoredRow> {
  const [, current] = await Promise.all([rules.lockFirst && tx.query(rules.lockFirst, [input.id]), lock(tx, caller, rules.type, input.id)]);
  if (!current) throw unknownResource(rules.type);
  if (current.deleted && !orGone) throw goneResource(rules.type);
  if (current.owner !== caller.partner && !rules.othersMayChange) {
    throw refuse('forbidden', 'not-yours-to-write', `Only the partner that recorded this ${rules.type} may change it.`);
  }
  if (input.ifMatch !== undefined && input.ifMatch !== current.version) {
    throw refuse('stale', 'version-not-current', `The present version is ${current.version}; read it and try again.`);
  }
  return current;
}

function changeOf(put: Put, ruling: Ruling, outcome: ResourceAnswer['outcome'], interaction: 'create' | 'update' | 'patch' | 'delete', guards: Guards): Change<ResourceAnswer> {
  const reference = `${put.type}/${put.id}/_history/${put.version}`;
  return {
    puts: [put, ...(ruling.also ?? [])],
    ...(ruling.rows ? { rows: ruling.rows } : {}),
    events: ruling.events ?? [],
    audit: [{ interaction, resources: [reference], owners: [put.owner], ...(put.patient === null ? {} : { patient: put.patient }) }, ...(ruling.audit ?? [])],
    guards,
    afterwards: ruling.afterwards,
    answer: { outcome, type: put.type, id: put.id, version: put.version, lastUpdated: put.lastUpdated, body: put.method === 'DELETE' ? '' : JSON.stringify(put.resource) },
  };
}

/**
 * References that the new content adds and that must lead somewhere the caller may see. What was there before is not
 * asked about again, nor what Baton set itself; addresses on other servers and contained resources are left alone.
 */
function newReferences(next: Resource, before: Resource | undefined, own: readonly string[]): Map<string, string> {
  const known = new Set([...own, ...(before ? referencesOf(before).map((found) => found.reference) : [])]);
  const wanted = new Map<string, string>();
  for (const { reference, at } of referencesOf(next)) {
    if (known.has(reference)) continue;
    const parsed = parseReference(reference);
    if (parsed?.kind === 'contained' || parsed?.kind === 'absolute') continue;
    if (parsed?.kind !== 'local' || !resourceType(parsed.type)) throw new Refused('rule-broken', [unknownReference(at)]);
    const key = `${parsed.type}/${parsed.id}`;
    if (!known.has(key)) wanted.set(key, at);
  }
  return wanted;
}
