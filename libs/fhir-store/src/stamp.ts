import { resourceType } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import type { Put } from './change.js';
import type { StoredRow } from './rows.js';

/** The resource as it is served: id, version and time are Baton's, the rest of meta is the sender's. */
export function stamped(resource: Resource, id: string, version: number, lastUpdated: Date): Put['resource'] {
  const { resourceType: type, id: _id, meta, ...content } = resource;
  return { resourceType: type, id, meta: { ...(meta as object | undefined), versionId: String(version), lastUpdated: lastUpdated.toISOString() }, ...content };
}

/** Time of a new version: the transaction's, but never before the version it replaces (its transaction may have begun later). */
export const timeOf = (now: Date, current?: { last_updated: Date }): Date => (current && current.last_updated > now ? current.last_updated : now);

/** A new resource, complete; for rules that create one beside another. */
export function created(what: { id: string; resource: Resource; owner: string; patient: string | null; context: string | null; now: Date }): Put {
  const type = what.resource.resourceType;
  return {
    type,
    id: what.id,
    version: 1,
    owner: what.owner,
    patient: what.patient,
    category: categoryOf(type),
    context: what.context,
    lastUpdated: what.now,
    method: 'POST',
    resource: stamped(what.resource, what.id, 1, what.now),
  };
}

/** The next version of a resource that is locked; for rules that change one beside another. */
export function amended(current: StoredRow, resource: Resource, now: Date, method: 'PUT' | 'PATCH' = 'PUT'): Put {
  const version = current.version + 1;
  const lastUpdated = timeOf(now, current);
  const { type, id, owner, patient, category, context } = current;
  return { type, id, version, owner, patient, category, context, lastUpdated, method, resource: stamped(resource, id, version, lastUpdated), replaces: contentOf(current) };
}

/** The content of a row. */
export const contentOf = (row: { body: string }): Put['resource'] => JSON.parse(row.body) as Put['resource'];

export function categoryOf(type: string): string {
  const contract = resourceType(type);
  if (!contract) throw new Error(`Baton stores no ${type}`);
  return contract.category;
}
