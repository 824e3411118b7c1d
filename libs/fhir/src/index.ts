export * from './types.js';
export { formatReference, idOf, isId, parseReference, type ParsedReference } from './reference.js';
export { referencesOf, walkReferences, type FoundReference } from './walk-references.js';
export { parseStrict, type JsonLimits } from './json.js';
export { issueOf, outcomeOf, outcomeOfSuccess, RULE_SYSTEM, SEE_INSTEAD, statusOf } from './operation-outcome.js';
export type { IndexEntry } from './index-entry.js';
export { indexEntries, type Indexed } from './indexer.js';
