import { auditFragment, auditOf } from '@baton/access';
import { crashPoint, Refused, type Caller, type Violation } from '@baton/kernel';
import { hintRelay, outboxCte } from '@baton/messaging';
import { sqlState, weave, type Fragment, type Schema, type Tx } from '@baton/postgres';
import type { Change, Guards, Put } from './change.js';
import { schemaOf, unknownResource } from './reading.js';
import { identityOf, indexed, indexRowsOf, unindexed } from './search-index.js';
import { WRITE_REFUSED } from './tables.js';
import { visible } from './visibility.js';

export interface WriteOptions {
  /** False inside a transaction Bundle, where events are written after all entries. */
  readonly outbox?: boolean;
  /** Nothing follows in this transaction: the statement goes out in one flight with COMMIT. */
  readonly last?: boolean;
}

/**
 * Writes a change in one statement: resources, history, index, the service's own rows, outbox and audit. The statement
 * begins after the locks are held, so its snapshot shows every withdrawal committed until then; whatever the change rests
 * on is looked at again in it, and if it does not hold the statement itself fails, and the transaction with it.
 *
 * @throws Refused `unknown` if the target is hidden by now, `rule-broken` naming each reference that is hidden or missing,
 *   `stale` if another version was written meanwhile (a command that did not lock)
 */
export async function write(tx: Tx, schema: Schema, caller: Caller, change: Change<unknown>, { outbox = true, last = false }: WriteOptions = {}): Promise<void> {
  const parts: Record<string, Fragment> = {};
  if (change.puts.length > 0) Object.assign(parts, putFragments(schema, change.puts));
  for (const [name, fragment] of Object.entries(change.rows ?? {})) parts[name] = fragment;
  if (outbox && change.events.length > 0) parts['outbox'] = outboxCte(schema, change.events, caller);
  if (change.audit.length > 0) parts['audited'] = auditFragment(change.audit.map((what) => auditOf(caller, what)));
  if (Object.keys(parts).length === 0) return;

  const { statement, values } = weave(parts, heldOrRefused(schema, caller, change));
  crashPoint('write.before-statement');
  try {
    await (last && !change.afterwards ? tx.last(statement, values) : tx.query(statement, values));
  } catch (error) {
    throw sqlState(error) === WRITE_REFUSED ? refusalOf(change, (error as { detail?: string }).detail) : error;
  }
  crashPoint('write.statement-done');
  if (outbox && change.events.length > 0) hintRelay(tx, schema);
  await change.afterwards?.(tx);
}

/** What the statement said did not hold. @param detail of `refuse_write`: JSON, the references that lead nowhere */
function refusalOf(change: Change<unknown>, detail: string | undefined): Refused {
  const missing = new Set(JSON.parse(detail || '[]') as string[]);
  const target = change.guards?.target;
  if (target && missing.has(target)) return unknownResource(target.split('/')[0]!);
  const [first, ...rest] = [...(change.guards?.references ?? [])].filter(([reference]) => missing.has(reference)).map(([, at]) => unknownReference(at));
  if (first) return new Refused('rule-broken', [first, ...rest]);
  return new Refused('stale', [{ rule: 'version-not-current', says: 'Another version was stored meanwhile; read it and try again.' }]);
}

/** One and the same for what is hidden and for what never was. */
export const unknownReference = (at: string): Violation => ({ rule: 'reference-unknown', says: 'The reference leads to nothing that you can see here.', at: [at], code: 'not-found' });

/** Closes the statement: every version was the next one, every reference leads somewhere visible, or all of it fails. */
function heldOrRefused(schema: Schema, caller: Caller, { puts, guards }: Change<unknown>): Fragment {
  const guarded = guardedReferences(guards);
  if (puts.length === 0 && guarded.length === 0) return { sql: 'SELECT true AS held', values: [] };
  const stored = puts.length > 0 ? { sql: '(SELECT count(*) FROM put) = $1::int', values: [puts.length] } : { sql: '$1::boolean', values: [true] };
  const missing = guarded.length > 0 ? { sql: missingReferences(caller, guarded), values: [caller.partner, guarded] } : { sql: 'NULL::text[]', values: [] };
  return {
    sql: `SELECT CASE WHEN ${stored.sql} AND missing.those IS NULL THEN true ELSE ${schema}.refuse_write(missing.those) END AS held
      FROM (SELECT (${missing.sql}) AS those OFFSET 0) AS missing`,
    values: [...stored.values, ...missing.values],
  };
}

/** `$2` the partner, `$3` the references. */
function missingReferences(caller: Caller, guarded: readonly string[]): string {
  const schemas = [...new Set(guarded.map((reference) => schemaOf(reference.split('/')[0]!)))].sort();
  const everywhere = schemas
    .map((each) => `SELECT 1 FROM ${each}.resource_v1 r WHERE r.type = split_part(g.reference, '/', 1) AND r.id = split_part(g.reference, '/', 2) AND NOT r.deleted AND ${visible(caller, 'r', '$2')}`)
    .join(' UNION ALL ');
  return `SELECT array_agg(g.reference) FROM unnest($3::text[]) AS g(reference) WHERE NOT EXISTS (${everywhere})`;
}

const guardedReferences = (guards: Guards | undefined): string[] => (guards ? [...(guards.target ? [guards.target] : []), ...guards.references.keys()] : []);

function putFragments(schema: Schema, puts: readonly Put[]): Record<string, Fragment> {
  const { resource, history } = textsOf(schema);
  const values = [
    puts.map((put) => put.type),
    puts.map((put) => put.id),
    puts.map((put) => put.version),
    puts.map((put) => put.owner),
    puts.map((put) => put.patient),
    puts.map((put) => put.category),
    puts.map((put) => put.context),
    puts.map((put) => put.lastUpdated),
    puts.map((put) => put.method),
    puts.map((put) => JSON.stringify(put.resource)),
  ];
  const parts: Record<string, Fragment> = { input: { sql: INPUT, values }, put: { sql: resource, values: [] }, kept: { sql: history, values: [] } };
  const gone = puts.flatMap((put) => (put.replaces ? indexRowsOf(put.type, put.id, put.replaces) : []));
  const now = puts.flatMap((put) => (put.method === 'DELETE' ? [] : indexRowsOf(put.type, put.id, put.resource)));
  const kept = new Set(now.map(identityOf));
  const before = new Set(gone.map(identityOf));
  const stale = gone.filter((entry) => !kept.has(identityOf(entry)));
  const fresh = now.filter((entry) => !before.has(identityOf(entry)));
  if (stale.length > 0) parts['unindexed'] = unindexed(schema, stale);
  if (fresh.length > 0) parts['indexed'] = indexed(schema, fresh);
  return parts;
}

const INPUT = `SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::text[])
  AS i(type, id, version, owner, patient, category, context, last_updated, method, body)`;

interface Texts {
  readonly resource: string;
  readonly history: string;
}

const texts = new Map<Schema, Texts>();

function textsOf(schema: Schema): Texts {
  let found = texts.get(schema);
  if (!found) {
    found = {
      resource: `INSERT INTO ${schema}.resource AS r (type, id, version, owner, patient, category, context, last_updated, deleted, body)
        SELECT type, id, version, owner, patient, category, context, last_updated, method = 'DELETE', body::json FROM input
        ON CONFLICT (type, id) DO UPDATE SET version = excluded.version, patient = excluded.patient, context = excluded.context,
          last_updated = excluded.last_updated, deleted = excluded.deleted, body = excluded.body
        WHERE r.version = excluded.version - 1
        RETURNING r.id`,
      history: `INSERT INTO ${schema}.history (type, id, version, owner, patient, category, context, last_updated, method, body)
        SELECT type, id, version, owner, patient, category, context, last_updated, method, body::json FROM input`,
    };
    texts.set(schema, found);
  }
  return found;
}
