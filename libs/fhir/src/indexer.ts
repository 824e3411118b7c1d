import type { IndexEntry } from './index-entry.js';

/** What the indexer needs to know of a resource. */
export type Indexed = Readonly<Record<string, unknown>> & { readonly resourceType: string };

/**
 * The search index of a resource: one entry per value of each parameter that is indexed for its type, without duplicates.
 * A type that is not stored here has none.
 */
export function indexEntries(resource: Indexed): IndexEntry[] {
  void resource;
  return [];
}
