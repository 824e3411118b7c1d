import { IDENTIFIERS } from '@baton/contracts';
import { parseSearch, type Resource } from '@baton/fhir';
import { search, seenRows } from '@baton/fhir-store';
import type { Caller } from '@baton/kernel';
import { statement, type Reader, type Tx } from '@baton/postgres';
import type { Host } from '@baton/service-host';
import { outwardReferences } from './containment.js';
import type { Known } from './message.mapping.js';
import type { MessageEntries } from './message-entries.js';
import { identifierOf } from './message-organization.js';

/** By which identifier entries of a type are known again here. */
const BY_IDENTIFIER: Readonly<Record<string, string>> = { Organization: IDENTIFIERS.odsOrganization, HealthcareService: IDENTIFIERS.dosService, Location: IDENTIFIERS.odsSite };

const SEEN = statement(`SELECT r.reference FROM ${seenRows('$1::text[]', '$2::text')} r WHERE NOT r.deleted`);

/**
 * Looks up what a message names: organisations, services and sites by their identifiers, and references out of the message as far as
 * the caller sees where they lead.
 */
export async function whatIsKnown(tx: Tx, { pages, fhirBase }: Pick<Host, 'pages' | 'fhirBase'>, caller: Caller, entries: MessageEntries): Promise<Known> {
  const matched = new Map<string, string>();
  for (const [type, system] of Object.entries(BY_IDENTIFIER)) {
    const named = entries.all.filter(({ resource }) => resource.resourceType === type).flatMap(({ fullUrl, resource }) => {
      const value = identifierOf(resource, system);
      return value === undefined ? [] : [{ fullUrl, value }];
    });
    const ours = await identified(tx, { pages, fhirBase }, caller, type, system, [...new Set(named.map(({ value }) => value))]);
    for (const { fullUrl, value } of named) if (ours.has(value)) matched.set(fullUrl, ours.get(value)!);
  }
  const rows = await tx.query<{ reference: string }>(SEEN, [outwardReferences(entries), caller.partner]);
  const seen = new Set(rows.map(({ reference }) => reference));
  return { matched, seen };
}

/** Whether a pathway has a service of this DoS id, with or without its system before a bar. */
export async function serviceExists(from: Reader, host: Pick<Host, 'pages' | 'fhirBase'>, caller: Caller, context: string): Promise<boolean> {
  const id = context.split('|').at(-1)!;
  return /^\d{1,12}$/.test(id) && (await identified(from, host, caller, 'HealthcareService', IDENTIFIERS.dosService, [id])).size > 0;
}

/** Identifier values → `Type/id`; a value that several have is known of none. */
async function identified(from: Reader, { pages, fhirBase }: Pick<Host, 'pages' | 'fhirBase'>, caller: Caller, type: string, system: string, values: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (values.length === 0) return new Map();
  const query = parseSearch(type, new URLSearchParams([['identifier', values.map((value) => `${system}|${value}`).join(',')], ['_count', '200']]), { handling: 'strict', base: fhirBase() });
  const { matches } = await search(from, caller, query, pages);
  const found = matches.map((row) => ({ reference: `${type}/${row.id}`, value: identifierOf(JSON.parse(row.body) as Resource, system) }));
  return new Map(values.flatMap((value) => {
    const those = found.filter((each) => each.value === value);
    return those.length === 1 ? [[value, those[0]!.reference] as const] : [];
  }));
}
