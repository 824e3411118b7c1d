import type { EntryRequest } from '@baton/fhir';
import { parseStrict } from '@baton/fhir';
import { refuse } from '@baton/kernel';

/** The JSON Patch of an entry: a Binary of type application/json-patch+json (R4 §3.1.0.11.2). @throws Refused `malformed` */
export function patchOf({ resource }: EntryRequest): unknown {
  const { contentType, data } = (resource ?? {}) as { contentType?: unknown; data?: unknown };
  if (resource?.resourceType !== 'Binary' || contentType !== 'application/json-patch+json' || typeof data !== 'string') {
    throw refuse('malformed', 'patch-not-a-binary', 'A patch in a Bundle is a Binary with contentType application/json-patch+json.', { at: ['resource'] });
  }
  return parseStrict(Buffer.from(data, 'base64').toString('utf8'));
}
