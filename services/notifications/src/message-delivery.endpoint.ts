import type { Pathway } from '@baton/contracts';
import { parseSearch, type Endpoint } from '@baton/fhir';
import { search, type PageLinks } from '@baton/fhir-store';
import { BATON } from '@baton/kernel';
import { statement, type Database } from '@baton/postgres';

const MESSAGE_TYPES = new Set(['message', 'hl7-fhir-msg']);

const REGISTERED = statement(`SELECT p.definition FROM directory.pathway_v1 p
  WHERE p.in_force_from <= statement_timestamp() AND (p.in_force_until IS NULL OR statement_timestamp() < p.in_force_until)
    AND EXISTS (SELECT FROM jsonb_array_elements(p.definition -> 'partners') x WHERE x ->> 'id' = $1 AND x ? 'endpoint')
  ORDER BY p.in_force_from DESC LIMIT 1`);

/**
 * Where messages to a partner go: the Endpoint that it registered for messages itself, the newest of several; or else the address
 * of the pathway in force. Never what a message says of where it came from.
 */
export async function messageAddress(db: Database, pages: PageLinks, fhirBase: string, partner: string): Promise<string | undefined> {
  const query = parseSearch('Endpoint', new URLSearchParams({ status: 'active', _count: '200' }), { handling: 'strict', base: fhirBase });
  // As the partner itself: an Endpoint is its owner's alone.
  const { matches } = await search(db, { partner, client: BATON, scopes: [], requestId: '', correlationId: '' }, query, pages);
  const own = matches
    .filter(({ owner }) => owner === partner)
    .sort((a, b) => b.last_updated.getTime() - a.last_updated.getTime())
    .map(({ body }) => JSON.parse(body) as Endpoint)
    .find(takesMessages);
  if (own) return own.address;
  const [row] = await db.query<{ definition: Pathway }>(REGISTERED, [partner]);
  return row?.definition.partners.find(({ id }) => id === partner)?.endpoint;
}

const takesMessages = ({ connectionType, payloadType }: Endpoint): boolean =>
  MESSAGE_TYPES.has(connectionType.code ?? '') || payloadType.some(({ coding }) => (coding ?? []).some(({ code }) => MESSAGE_TYPES.has(code ?? '')));
