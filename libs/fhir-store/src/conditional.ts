import { parseSearch } from '@baton/fhir';
import { refuse, type Caller } from '@baton/kernel';
import { statement, type Tx } from '@baton/postgres';
import type { Change, ResourceAnswer } from './change.js';
import { matchingIds } from './search.js';
import { shown } from './shown.js';
import type { TypeRules } from './type-rules.js';
import { unknownResource } from './reading.js';
import { create, patch, remove, update, type ChangeInput, type CreateInput, type PatchInput, type UpdateInput } from './writes.js';

/**
 * What a condition (`If-None-Exist`, `Type?…` of a conditional update, patch or delete, a conditional reference) leads to, among what the caller may see and nothing else:
 * nobody learns by it whether a young person is known. Two at once with the same condition wait for one another.
 *
 * @param condition search parameters, e.g. `identifier=https://…|…`
 * @throws Refused `ambiguous` when several match, `malformed` when it is no condition
 */
export async function matchOf(tx: Tx, caller: Caller, type: string, condition: string, base: string) {
  const query = parseSearch(type, new URLSearchParams(condition.replace(/^\?/, '')), { handling: 'strict', base });
  if (query.criteria.length === 0 && query.ids === undefined) throw refuse('malformed', 'condition-empty', 'A condition must hold at least one search parameter.');
  await tx.query(statement(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`), [`${caller.partner} ${type} ${JSON.stringify(query.used)}`]);
  const [match, another] = await matchingIds(tx, caller, query);
  if (another) throw refuse('ambiguous', 'condition-ambiguous', `More than one ${type} matches the condition.`);
  return match;
}

/** Creates a resource unless one that matches is there: then that one is the answer (R4 §3.1.0.8.1). */
export async function conditionalCreate(rules: TypeRules, tx: Tx, caller: Caller, input: CreateInput, condition: string, base: string): Promise<Change<ResourceAnswer>> {
  const match = await matchOf(tx, caller, rules.type, condition, base);
  if (!match) return create(rules, tx, caller, input);
  const { type, id, version, last_updated: lastUpdated } = match;
  const read = { interaction: 'read' as const, resources: [`${type}/${id}/_history/${version}`], owners: [match.owner], ...(match.patient === null ? {} : { patient: match.patient }) };
  return { puts: [], events: [], audit: [read], answer: { outcome: 'unchanged', type, id, version, lastUpdated, body: shown(caller, match) } };
}

/**
 * Updates what matches, or creates it where nothing does (R4 §3.1.0.4.3).
 * @throws Refused `unknown` where nothing matches and the resource has an id: ids are ours to give
 */
export async function conditionalUpdate(rules: TypeRules, tx: Tx, caller: Caller, input: Omit<UpdateInput, 'id'>, condition: string, base: string): Promise<Change<ResourceAnswer>> {
  const match = await matchOf(tx, caller, rules.type, condition, base);
  if (match) return update(rules, tx, caller, { ...input, id: match.id });
  if (input.resource.id !== undefined) throw unknownResource(rules.type);
  return create(rules, tx, caller, { resource: input.resource });
}

/** Changes parts of what matches (R4 §3.1.0.5.2). @throws Refused `unknown` where nothing does */
export async function conditionalPatch(rules: TypeRules, tx: Tx, caller: Caller, input: Omit<PatchInput, 'id'>, condition: string, base: string): Promise<Change<ResourceAnswer>> {
  return patch(rules, tx, caller, { ...input, id: await theOne(rules, tx, caller, condition, base) });
}

/** Deletes what matches (R4 §3.1.0.7.1), one resource at most. @throws Refused `unknown` where nothing does */
export async function conditionalRemove(rules: TypeRules, tx: Tx, caller: Caller, input: Omit<ChangeInput, 'id'>, condition: string, base: string): Promise<Change<ResourceAnswer>> {
  return remove(rules, tx, caller, { ...input, id: await theOne(rules, tx, caller, condition, base) });
}

async function theOne(rules: TypeRules, tx: Tx, caller: Caller, condition: string, base: string): Promise<string> {
  const match = await matchOf(tx, caller, rules.type, condition, base);
  if (!match) throw unknownResource(rules.type);
  return match.id;
}
