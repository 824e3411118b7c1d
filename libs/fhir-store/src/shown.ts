import type { Caller } from '@baton/kernel';
import type { StoredRow } from './rows.js';

const RESTRICTED = /"security"/;
const SUBSETTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };
const WITHHELD = ['address', 'telecom'] as const;

/** Demographics whose record is restricted (`meta.security` R, domain §6). */
export const isRestricted = (resource: { readonly meta?: unknown }): boolean =>
  ((resource.meta as { security?: { code?: string }[] } | undefined)?.security ?? []).some((label) => label.code === 'R');

/**
 * The body of a row as a caller may see it: the text as it is stored, except that address and telecom of a restricted
 * person never leave the partner that recorded them.
 */
export function shown(caller: Caller, row: Pick<StoredRow, 'body' | 'owner' | 'category'>): string {
  if (row.category !== 'demographics' || row.owner === caller.partner || !RESTRICTED.test(row.body)) return row.body;
  const resource = JSON.parse(row.body) as Record<string, unknown> & { meta?: { tag?: unknown[] } };
  if (!isRestricted(resource)) return row.body;
  withhold(resource);
  // Those to call in an emergency often live where the young person lives.
  for (const contact of (resource['contact'] as Record<string, unknown>[] | undefined) ?? []) withhold(contact);
  resource.meta = { ...resource.meta, tag: [...(resource.meta?.tag ?? []), SUBSETTED] };
  return JSON.stringify(resource);
}

function withhold(from: Record<string, unknown>): void {
  for (const element of WITHHELD) {
    delete from[element];
    delete from[`_${element}`];
  }
}
