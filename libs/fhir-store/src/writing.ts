import { auditFragment, auditOf } from '@baton/access';
import { indexEntries } from '@baton/fhir';
import { crashPoint, Refused, type Caller, type Violation } from '@baton/kernel';
import { hintRelay, outboxCte } from '@baton/messaging';
import { weave, type Fragment, type Schema, type Tx } from '@baton/postgres';
import type { Change, Guards, Put } from './change.js';
import { VALUE_AT_MOST } from './criteria.js';
import { schemaOf, unknownResource } from './reading.js';
import { visible } from './visibility.js';

interface Written {
  written: number;
  missing: string[] | null;
}

/**
 * Writes a change in one statement: resources, history, index, the service's own rows, outbox and audit. The statement
 * begins after the locks are held, so its snapshot shows every withdrawal committed until then; whatever the change rests
 * on is looked at again in it.
 *
 * @param outbox false inside a transaction Bundle, where events are written after all entries
 * @throws Refused `unknown` if the target is hidden by now, `rule-broken` naming each reference that is hidden or missing,
 *   `stale` if another version was written meanwhile (a command that did not lock)
 */
export async function write(tx: Tx, schema: Schema, caller: Caller, change: Change<unknown>, { outbox = true } = {}): Promise<void> {
  const parts: Record<string, Fragment> = {};
  if (change.puts.length > 0) Object.assign(parts, putFragments(schema, change.puts));
  for (const [name, fragment] of Object.entries(change.rows ?? {})) parts[name] = fragment;
  if (outbox && change.events.length > 0) parts['outbox'] = outboxCte(schema, change.events, caller);
  if (change.audit.length > 0) parts['audited'] = auditFragment(change.audit.map((what) => auditOf(caller, what)));
  if (Object.keys(parts).length === 0) return;

  const woven = weave(parts, last(caller, change));
  crashPoint('write.before-statement');
  const [result] = await tx.query<Written>(woven.statement, woven.values);
  crashPoint('write.statement-done');
  judge(change, result!);
  if (outbox && change.events.length > 0) hintRelay(tx, schema);
  await change.afterwards?.(tx);
}

function judge(change: Change<unknown>, result: Written): void {
  const missing = new Set(result.missing ?? []);
  const target = change.guards?.target;
  if (target && missing.has(target)) throw unknownResource(target.split('/')[0]!);
  const [first, ...rest] = [...(change.guards?.references ?? [])].filter(([reference]) => missing.has(reference)).map(([, at]) => unknownReference(at));
  if (first) throw new Refused('rule-broken', [first, ...rest]);
  if (result.written < change.puts.length) {
    throw new Refused('stale', [{ rule: 'version-not-current', says: 'Another version was stored meanwhile; read it and try again.' }]);
  }
}

/** One and the same for what is hidden and for what never was. */
export const unknownReference = (at: string): Violation => ({ rule: 'reference-unknown', says: 'The reference leads to nothing that you can see here.', at: [at], code: 'not-found' });

function last(caller: Caller, change: Change<unknown>): Fragment {
  const written = change.puts.length > 0 ? '(SELECT count(*)::int FROM put)' : '0';
  const guarded = guardedReferences(change.guards);
  if (guarded.length === 0) return { sql: `SELECT ${written} AS written, NULL::text[] AS missing`, values: [] };
  const schemas = [...new Set(guarded.map((reference) => schemaOf(reference.split('/')[0]!)))].sort();
  const everywhere = schemas
    .map((schema) => `SELECT 1 FROM ${schema}.resource_v1 r WHERE r.type = split_part(g.reference, '/', 1) AND r.id = split_part(g.reference, '/', 2) AND NOT r.deleted AND ${visible(caller, 'r', '$1')}`)
    .join(' UNION ALL ');
  return {
    sql: `SELECT ${written} AS written, (SELECT array_agg(g.reference) FROM unnest($2::text[]) AS g(reference) WHERE NOT EXISTS (${everywhere})) AS missing`,
    values: [caller.partner, guarded],
  };
}

const guardedReferences = (guards: Guards | undefined): string[] => (guards ? [...(guards.target ? [guards.target] : []), ...guards.references.keys()] : []);

function putFragments(schema: Schema, puts: readonly Put[]): Record<string, Fragment> {
  const { resource, history, index, unindex } = textsOf(schema);
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
  const gone = puts.flatMap((put) => (put.replaces ? entriesOf(put, put.replaces) : []));
  const now = puts.flatMap((put) => (put.method === 'DELETE' ? [] : entriesOf(put, put.resource)));
  const kept = new Set(now.map(identity));
  const before = new Set(gone.map(identity));
  const stale = gone.filter((entry) => !kept.has(identity(entry)));
  const fresh = now.filter((entry) => !before.has(identity(entry)));
  if (stale.length > 0) parts['unindexed'] = { sql: unindex, values: columnsOf(stale) };
  if (fresh.length > 0) parts['indexed'] = { sql: index, values: columnsOf(fresh) };
  return parts;
}

const columnsOf = (rows: readonly IndexRow[]): unknown[][] => [
  rows.map((row) => row.type),
  rows.map((row) => row.param),
  rows.map((row) => row.value),
  rows.map((row) => row.id),
  rows.map((row) => row.system),
  rows.map((row) => row.low),
  rows.map((row) => row.high),
];

interface IndexRow {
  type: string;
  param: string;
  value: string;
  id: string;
  system: string | null;
  low: number | null;
  high: number | null;
}


function entriesOf(put: Put, resource: Put['resource']): IndexRow[] {
  return indexEntries(resource).map((entry) => ({
    type: put.type,
    param: entry.param,
    value: entry.value.slice(0, VALUE_AT_MOST),
    id: put.id,
    system: entry.system ?? null,
    low: entry.low ?? null,
    high: entry.high ?? null,
  }));
}

const identity = (entry: IndexRow): string => JSON.stringify([entry.param, entry.value, entry.system, entry.low, entry.high, entry.type, entry.id]);

const INPUT = `SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::text[])
  AS i(type, id, version, owner, patient, category, context, last_updated, method, body)`;

interface Texts {
  readonly resource: string;
  readonly history: string;
  readonly index: string;
  readonly unindex: string;
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
      index: `INSERT INTO ${schema}.search (type, param, value, id, system, low, high)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::float8[])`,
      unindex: `DELETE FROM ${schema}.search s USING unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::float8[]) AS gone(type, param, value, id, system, low, high)
        WHERE s.type = gone.type AND s.param = gone.param AND s.value = gone.value AND s.id = gone.id
          AND s.system IS NOT DISTINCT FROM gone.system AND s.low IS NOT DISTINCT FROM gone.low AND s.high IS NOT DISTINCT FROM gone.high`,
    };
    texts.set(schema, found);
  }
  return found;
}
