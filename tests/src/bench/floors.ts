import { ID } from './floor-loop.js';
import type { BatonProcess } from './baton-process.js';
import type { Floor } from './job.js';

/** What a floor asks of PostgreSQL. */
export type FloorWork = Pick<Floor, 'statement' | 'values' | 'keys'>;

export interface Floors {
  /** One statement that writes a resource of 2 kB, its history and an event: the least a durable create could do. */
  readonly write: FloorWork;
  /** One statement that writes every row a create of a referral really leaves behind. */
  readonly sameRows: FloorWork;
  /** How many rows those are. */
  readonly rows: Readonly<Record<string, number>>;
  /** One resource by its id. */
  readonly select: FloorWork;
  /** Twenty resources of one young person in one status, in order. */
  readonly page: FloorWork;
}

// The same storage settings as Baton's own tables, so that what is compared is the work and not TOAST compression.
const TABLES = `
  CREATE SCHEMA bench;
  CREATE TABLE bench.resource (id uuid PRIMARY KEY, version int NOT NULL, owner text NOT NULL, body json NOT NULL) WITH (toast_tuple_target = 8160);
  CREATE TABLE bench.history (id uuid, version int, owner text NOT NULL, body json NOT NULL, PRIMARY KEY (id, version)) WITH (toast_tuple_target = 8160);
  CREATE TABLE bench.outbox (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, type text NOT NULL, data json NOT NULL);
  CREATE TABLE bench.page (id uuid PRIMARY KEY, patient text NOT NULL, status text NOT NULL, body json NOT NULL) WITH (toast_tuple_target = 8160);
  CREATE INDEX ON bench.page (patient, status, id);`;

const BODY_BYTES = 2_000;
const PATIENTS = 200;
const PER_PATIENT = 25;

/** A referral that was created, whose rows are counted and copied. */
export interface Example {
  readonly id: string;
  readonly task: string;
  readonly patient: string;
  readonly person: string;
  readonly body: string;
}

/** The referral behind a ServiceRequest, as it is stored. */
export async function exampleOf(baton: BatonProcess, id: string): Promise<Example> {
  const [found] = await baton.sql<Example>(
    `SELECT r.id, r.task, r.patient, r.person::text, s.body::text FROM referrals.referral r JOIN referrals.history s ON s.type = 'ServiceRequest' AND s.id = r.id AND s.version = 1 WHERE r.id = $1`,
    [id],
  );
  return found!;
}

/** Makes the floors' tables beside Baton's, in the same cluster and database: one disk, one WAL, one set of settings. */
export async function makeFloors(baton: BatonProcess, referral: Example): Promise<Floors> {
  await baton.sql(TABLES);
  const body = padded(referral.body);
  await baton.sql(
    `INSERT INTO bench.page SELECT gen_random_uuid(), 'patient-' || p, 'revoked', $1::json FROM generate_series(1, ${PATIENTS}) p, generate_series(1, ${PER_PATIENT})`,
    [body],
  );
  await baton.sql('ANALYZE bench.page');
  const sameRows = await copiesOf(baton, referral);
  return {
    write: {
      statement: {
        name: 'floor',
        text: `WITH r AS (INSERT INTO bench.resource VALUES ($1::uuid, 1, 'rapid-response', $2::json)), h AS (INSERT INTO bench.history VALUES ($1::uuid, 1, 'rapid-response', $2::json))
          INSERT INTO bench.outbox (key, type, data) VALUES ($3, 'baton.bench.made.v1', $4::json)`,
      },
      values: [ID, body, ID, JSON.stringify({ referral: ID, patient: ID, referrer: 'rapid-response', service: 'safe-zones', status: 'requested', priority: 'urgent', dataref: `ServiceRequest/${ID}/_history/1` })],
    },
    ...sameRows,
    select: { statement: { name: 'select', text: `SELECT version, owner, body::text FROM bench.resource WHERE id = $1::uuid` }, values: [ID] },
    page: {
      statement: { name: 'page', text: `SELECT id, body::text FROM bench.page WHERE patient = $1 AND status = 'revoked' ORDER BY id LIMIT 20` },
      values: [ID],
      keys: Array.from({ length: PATIENTS }, (_, n) => `patient-${n + 1}`),
    },
  };
}

/** Keys of resources that the write floor left, for the select floor. */
export const writtenKeys = async (baton: BatonProcess): Promise<string[]> => (await baton.sql<{ id: string }>('SELECT id::text FROM bench.resource LIMIT 2000')).map(({ id }) => id);

function padded(json: string): string {
  const content = JSON.parse(json) as Record<string, unknown>;
  const missing = BODY_BYTES - json.length - 20;
  return JSON.stringify(missing > 0 ? { ...content, pad: Array.from({ length: missing }, (_, n) => String.fromCharCode(97 + ((n * 7919) % 26))).join('') } : content);
}

interface Copied {
  /** Baton's table. */
  readonly from: string;
  /** Its copy in the schema `bench`. */
  readonly to: string;
  /** Rows of one create; `$1` the referral's id, `$2` its Task's. */
  readonly where: string;
}

const COPIED: readonly Copied[] = [
  { from: 'referrals.resource', to: 'all_resource', where: 'id IN ($1, $2) AND version = 1' },
  { from: 'referrals.history', to: 'all_history', where: 'id IN ($1, $2) AND version = 1' },
  { from: 'referrals.search', to: 'all_search', where: 'id IN ($1, $2)' },
  { from: 'referrals.referral', to: 'all_referral', where: 'id = $1 AND task = $2' },
  { from: 'referrals.outbox', to: 'all_outbox', where: 'key = $1 AND version = 1 AND $2::text IS NOT NULL' },
  { from: 'audit.entry', to: 'all_entry', where: `interaction = 'create' AND resources && ARRAY['ServiceRequest/' || $1 || '/_history/1', 'Task/' || $2 || '/_history/1']` },
];

/** Columns that a statement fills: the database numbers and dates the others. */
const COLUMNS = `SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND coalesce(pg_get_expr(d.adbin, d.adrelid) NOT LIKE '%clock_timestamp%', true)
  ORDER BY a.attnum`;

/** Tables like Baton's with all their indexes, and one statement that writes what one create wrote. */
async function copiesOf(baton: BatonProcess, referral: Example): Promise<Pick<Floors, 'sameRows' | 'rows'>> {
  const values: unknown[] = [];
  const parts: string[] = [];
  const rows: Record<string, number> = {};
  const twin = (value: unknown): unknown => withKey(value, referral);
  for (const { from, to, where } of COPIED) {
    await baton.sql(`CREATE TABLE bench.${to} (LIKE ${from} INCLUDING ALL)`);
    const [options] = await baton.sql<{ reloptions: string[] | null }>('SELECT reloptions FROM pg_class WHERE oid = $1::regclass', [from]);
    if (options?.reloptions) await baton.sql(`ALTER TABLE bench.${to} SET (${options.reloptions.join(', ')})`);
    // The relay empties the outbox, so its row comes from the log.
    const source = from === 'referrals.outbox' ? 'referrals.log' : from;
    const columns = await baton.sql<{ name: string; type: string }>(COLUMNS, [from]);
    const found = await baton.sql<Record<string, string | null>>(`SELECT ${columns.map(({ name }) => `"${name}"::text`).join(', ')} FROM ${source} WHERE ${where}`, [referral.id, referral.task]);
    rows[from] = found.length;
    parts.push(`${to} AS (${insertOf(to, columns, found.map((row) => columns.map(({ name }) => twin(row[name]))), values)})`);
  }
  return { sameRows: { statement: { name: 'same-rows', text: `WITH ${parts.join(', ')} SELECT 1` }, values }, rows };
}

function insertOf(to: string, columns: readonly { name: string; type: string }[], rows: readonly (readonly unknown[])[], values: unknown[]): string {
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  const many = rows.length > 2 && columns.every(({ type }) => !type.endsWith('[]'));
  const bind = (value: unknown, type: string): string => `$${values.push(value)}::${type}`;
  if (many) return `INSERT INTO bench.${to} (${names}) SELECT * FROM unnest(${columns.map(({ type }, place) => bind(rows.map((row) => row[place]), `${type}[]`)).join(', ')})`;
  return `INSERT INTO bench.${to} (${names}) VALUES ${rows.map((row) => `(${row.map((value, place) => bind(value, columns[place]!.type)).join(', ')})`).join(', ')}`;
}

/** Ids of the example give way to the key of the moment; the Task's differs from the referral's in its first letter. */
function withKey(value: unknown, { id, task, patient, person }: Example): unknown {
  if (typeof value !== 'string') return value;
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(value)) return ID;
  return value.replaceAll(id, ID).replaceAll(person, ID).replaceAll(task, `t${ID}`).replaceAll(patient, `p${ID}`);
}
