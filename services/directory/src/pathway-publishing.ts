import type { Pathway } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import { amended, contentOf, created, lock, stamped, write, type Put, type StoredRow } from '@baton/fhir-store';
import { BATON, crashPoint, type Caller } from '@baton/kernel';
import { statement, type Tx } from '@baton/postgres';
import { pathwayResources } from './pathway.fhir.js';

/** Types that a pathway file makes. */
export const PATHWAY_TYPES = ['Organization', 'HealthcareService', 'Location', 'PlanDefinition'] as const;

/**
 * Makes the resources of the pathways what their present versions say: new ones are created, changed ones get a new
 * version, those no pathway names any more are marked inactive (others may refer to them), the rest stays untouched.
 *
 * @returns how many were written
 */
export async function publishPathways(tx: Tx, caller: Caller, present: readonly Pathway[]): Promise<number> {
  const wanted = new Map(present.flatMap(pathwayResources).map((resource) => [`${resource.resourceType}/${resource.id}`, resource as unknown as Resource]));
  const rows = await ownRows(tx, caller);
  const puts = [
    ...[...wanted].flatMap(([reference, resource]) => putOf(resource, rows.get(reference), tx.now)),
    ...[...rows].filter(([reference]) => !wanted.has(reference)).flatMap(([, row]) => putOf(retired(contentOf(row)), row, tx.now)),
  ];
  const written = (interaction: 'create' | 'update') => {
    const resources = puts.filter((put) => (put.version === 1) === (interaction === 'create')).map((put) => `${put.type}/${put.id}/_history/${put.version}`);
    return resources.length === 0 ? [] : [{ interaction, resources, owners: [BATON] }];
  };
  await write(tx, 'directory', caller, { puts, events: [], audit: [...written('create'), ...written('update')], answer: undefined });
  crashPoint('directory.pathway-published');
  return puts.length;
}

async function ownRows(tx: Tx, caller: Caller): Promise<Map<string, StoredRow>> {
  const known = await tx.query<{ type: string; id: string }>(
    statement(`SELECT type, id FROM directory.resource WHERE owner = $1 AND type = ANY($2) AND NOT deleted ORDER BY type, id`),
    [BATON, PATHWAY_TYPES],
  );
  const rows = new Map<string, StoredRow>();
  for (const { type, id } of known) rows.set(`${type}/${id}`, (await lock(tx, caller, type, id))!);
  return rows;
}

function putOf(resource: Resource, row: StoredRow | undefined, now: Date): Put[] {
  if (!row) return [created({ id: resource.id!, resource, owner: BATON, patient: null, context: null, now })];
  const same = JSON.stringify(stamped(resource, row.id, row.version, row.last_updated)) === row.body;
  return same ? [] : [amended(row, resource, now)];
}

/** How each type says that it is no longer in use. */
function retired(content: Put['resource']): Resource {
  const { resourceType } = content;
  const inactive = resourceType === 'Location' ? { status: 'inactive' } : resourceType === 'PlanDefinition' ? { status: 'retired' } : { active: false };
  return { ...content, ...inactive };
}
