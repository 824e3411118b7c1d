import { entriesOf, outcomeOf, readEntry, statusOf, type EntryAnswer, type EntryRequest, type Resource } from '@baton/fhir';
import { refuse, Refused, type Caller } from '@baton/kernel';
import { errorFields, ifMatch, refusalOf, type FhirAnswer, type Host } from '@baton/service-host';
import type { GatewayInteractions } from './gateway.interactions.js';
import { located } from './located.js';
import { patchOf } from './patch-entry.js';

export type InteractionsByType = ReadonlyMap<string, GatewayInteractions>;

/** Carries out a batch: each entry by itself, in the order in which they came; one that fails says so and stops no other. */
export async function runBatch(host: Host, interactions: InteractionsByType, caller: Caller, bundle: Resource): Promise<EntryAnswer[]> {
  const answers: EntryAnswer[] = [];
  for (const [place, entry] of entriesOf(bundle).entries()) answers.push(await one(host, interactions, caller, readEntry(entry, place, host.fhirBase())));
  return answers;
}

async function one(host: Host, interactions: InteractionsByType, caller: Caller, request: ReturnType<typeof readEntry>): Promise<EntryAnswer> {
  try {
    if (isFaulty(request)) throw new Refused('malformed', request as [(typeof request)[number], ...typeof request]);
    const { status, version, lastUpdated, location, body } = await answer(interactions, caller, request);
    return {
      status,
      ...(version === undefined ? {} : { version }),
      ...(lastUpdated === undefined ? {} : { lastModified: lastUpdated }),
      ...(location === undefined ? {} : { location }),
      ...(body === undefined ? {} : { resource: body }),
    };
  } catch (error) {
    const refused = refusalOf(isFaulty(request) ? error : located(error, request));
    if (refused) return { status: statusOf(refused.kind), outcome: outcomeOf(refused) };
    host.log.error('an entry of a batch failed', { requestId: caller.requestId, ...errorFields(error) });
    return { status: 500, outcome: { resourceType: 'OperationOutcome', issue: [{ severity: 'fatal', code: 'exception', details: { text: 'Something is wrong inside Baton; nothing of this entry was stored.' } }] } };
  }
}

const isFaulty = (request: ReturnType<typeof readEntry>): request is Extract<ReturnType<typeof readEntry>, readonly unknown[]> => Array.isArray(request);

function answer(interactions: InteractionsByType, caller: Caller, request: EntryRequest): Promise<FhirAnswer> {
  const of = interactions.get(request.type);
  if (!of) throw refuse('unknown', 'type-not-offered', 'This type is not offered here.');
  const options = { ifMatch: ifMatch({ 'if-match': request.ifMatch }) };
  const params = new URLSearchParams(request.query ?? '');
  switch (request.interaction) {
    case 'create':
      return of.create(caller, request.resource, { ifNoneExist: request.ifNoneExist });
    case 'read':
      return of.read(caller, request.id!);
    case 'vread':
      return of.vread(caller, request.id!, request.version!);
    case 'search':
      return of.search(caller, params, 'lenient');
    case 'history':
      if (request.id === undefined) break;
      return of.history(caller, request.id, params);
    case 'update':
      if (request.id === undefined) return of.conditionalUpdate(caller, request.query!, request.resource, options);
      return of.update(caller, request.id, request.resource, options);
    case 'patch':
      if (request.id === undefined) return of.conditionalPatch(caller, request.query!, patchOf(request), options);
      return of.patch(caller, request.id, patchOf(request), options);
    case 'delete':
      if (request.id === undefined) return of.conditionalRemove(caller, request.query!, options);
      return of.remove(caller, request.id, options);
    case 'operation':
      break;
  }
  throw refuse('not-allowed', 'interaction-not-offered', 'This interaction is not offered in a batch.');
}
