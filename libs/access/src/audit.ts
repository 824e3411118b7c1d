import { newEventId, type Caller } from '@baton/kernel';
import type { Fragment } from '@baton/postgres';

/**
 * What was done with whose data, and on whose request. An entry holds references, ids and rule names: never a name,
 * never content of a result. The text of a query is kept as it came (IHE BALP wants it), which is why only the audit
 * role may read the table.
 */
export interface AuditEntry {
  /** UUID v7. */
  readonly id: string;
  /** Partner id that acted, or for a delivery the partner that was sent something. */
  readonly partner: string;
  readonly client: string;
  readonly interaction: AuditInteraction;
  readonly outcome: AuditOutcome;
  /** Id of the Patient whose data it was; one entry per patient and disclosure. Not written for refusals, nor are owners. */
  readonly patient?: string;
  /** References of what was touched or shown (`ServiceRequest/…`, a version where one was meant). */
  readonly resources?: readonly string[];
  /** Partners that own what was touched: they may see this entry, besides the one that acted. */
  readonly owners?: readonly string[];
  readonly requestId: string;
  readonly correlationId: string;
  /** A search as it was asked, type and parameters; what an operator did. */
  readonly query?: string;
  /** Purpose of use, where one was declared (`BTG`). */
  readonly purpose?: string;
  /** For refusals: the rule that stood against it. */
  readonly rule?: string;
}

export type AuditInteraction =
  | 'create'
  | 'read'
  | 'vread'
  | 'search'
  | 'history'
  | 'update'
  | 'patch'
  | 'delete'
  | 'operation'
  | 'deliver'
  | 'refuse'
  | 'token'
  /** An operator did something, or opened a message; `query` says what. */
  | 'operate';

export type AuditOutcome = 'success' | 'refused' | 'failed';

/** What an entry says beside who asked. */
export type Audited = Pick<AuditEntry, 'interaction'> & Partial<Omit<AuditEntry, 'partner' | 'client' | 'requestId' | 'correlationId'>>;

/** An entry about what a caller did; success unless said otherwise. */
export function auditOf(caller: Caller, what: Audited): AuditEntry {
  const { partner, client, requestId, correlationId } = caller;
  return { id: newEventId(), outcome: 'success', ...what, partner, client, requestId, correlationId };
}

/** Columns a service may write. Not among them: the service's own name and the time, which the database sets. */
export const AUDIT_COLUMNS = 'id, partner, client, interaction, outcome, patient, resources, owners, request_id, correlation_id, query, purpose, rule';

const INSERT = `INSERT INTO audit.entry (${AUDIT_COLUMNS})
SELECT ${AUDIT_COLUMNS} FROM jsonb_to_recordset($1::jsonb) AS e(id uuid, partner text, client text, interaction text, outcome text, patient text,
  resources text[], owners text[], request_id text, correlation_id text, query text, purpose text, rule text)`;

/**
 * The INSERT of entries, to be woven as a CTE into the statement whose effect they tell of. The text is the
 * same however many entries there are, so that the statement stays prepared.
 *
 * @param onlyIf name of a CTE of that statement: entries are written only if it returned a row
 */
export function auditFragment(entries: readonly AuditEntry[], onlyIf?: string): Fragment {
  if (onlyIf !== undefined && !/^[a-z_][a-z0-9_]*$/.test(onlyIf)) throw new Error(`Not a name of a CTE: ${onlyIf}`);
  return {
    sql: onlyIf === undefined ? INSERT : `${INSERT}\nWHERE EXISTS (SELECT FROM ${onlyIf})`,
    values: [JSON.stringify(entries.map(rowOf))],
  };
}

/** SQL expressions (placeholders, columns): who is shown something, by which request. */
export interface ShownTo {
  readonly partner: string;
  readonly client: string;
  readonly requestId: string;
  readonly correlationId: string;
}

const SHOWN_COLUMNS = 'id, partner, client, interaction, outcome, patient, resources, owners, request_id, correlation_id';
const VERSION = `type || '/' || id || '/_history/' || version`;

/**
 * The INSERT of one entry for each row that a CTE found, for the statement that finds what it shows: what is written is what
 * was found, in the same snapshot, and the two are committed together or not at all.
 *
 * @param rows the CTE, with its condition: `seen WHERE NOT deleted`; its columns: type, id, version, owner, patient
 */
export const auditOfRows = (interaction: AuditInteraction, rows: string, to: ShownTo): string =>
  `INSERT INTO audit.entry (${SHOWN_COLUMNS})
SELECT uuidv7(), ${to.partner}, ${to.client}, '${interaction}', 'success', patient, ARRAY[${VERSION}], ARRAY[owner], ${to.requestId}, ${to.correlationId} FROM ${rows}`;

/**
 * The same for rows that are shown together: one entry for each young person, and one for what is about nobody, which is
 * written also where nothing was found.
 *
 * @param to with the search as it was asked, made {@link storable}
 */
export const auditOfPage = (interaction: AuditInteraction, rows: string, to: ShownTo & { readonly query: string }): string =>
  `INSERT INTO audit.entry (${SHOWN_COLUMNS}, query)
SELECT uuidv7(), ${to.partner}, ${to.client}, '${interaction}', 'success', patient, resources, owners, ${to.requestId}, ${to.correlationId}, ${to.query} FROM (
  SELECT patient, array_agg(${VERSION}) AS resources, array_agg(DISTINCT owner) AS owners FROM ${rows} GROUP BY patient
  UNION ALL SELECT NULL, '{}', '{}' WHERE NOT EXISTS (SELECT FROM ${rows})) AS shown`;

function rowOf(entry: AuditEntry): Record<string, unknown> {
  const { requestId, correlationId, query, patient, owners, ...rest } = entry;
  // A refusal names nobody: asking for what is hidden and for what never was must leave the same row.
  const whose = entry.outcome === 'refused' ? { owners: [] } : { patient, owners: owners ?? [] };
  return {
    ...rest,
    ...whose,
    resources: entry.resources?.map(storable) ?? [],
    request_id: requestId,
    correlation_id: correlationId,
    ...(query === undefined ? {} : { query: storable(query) }),
  };
}

const TEXT_AT_MOST = 8_192;

/** PostgreSQL's text holds neither NUL nor half a surrogate pair: a query with one must still be audited. It is cut at 8,192 characters. */
export function storable(text: string): string {
  return Buffer.from(text.slice(0, TEXT_AT_MOST)).toString().replaceAll('\0', '\uFFFD');
}
