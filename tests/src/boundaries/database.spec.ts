import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RELATIONS, resourceType } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import { alone, create, read, type TypeRules } from '@baton/fhir-store';
import { Database, roleOf, SCHEMAS, sqlState, statement, type Schema } from '@baton/postgres';
import { startBaton, type BatonUnderTest } from '../index.js';

let baton: BatonUnderTest;
beforeAll(async () => {
  baton = await startBaton();
});
afterAll(() => baton.stop());

interface Relation {
  schema: Schema;
  name: string;
  kind: 'table' | 'view';
}

const relations = () =>
  baton.database.admin<Relation>(
    `SELECT n.nspname AS schema, c.relname AS name, CASE WHEN c.relkind = 'v' THEN 'view' ELSE 'table' END AS kind
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v')`,
    [SCHEMAS],
  );

/** What services read of one another: the relations of the contract, and the logs of events through the transport. */
const PUBLISHED = new Set([...RELATIONS.map(({ name }) => name), 'log_v1', 'log_head_v1']);

/** Foreign relations on which a role has one of the privileges, on the whole or on any column. */
async function allowed(schema: Schema, privileges: readonly string[]): Promise<Relation[]> {
  const foreign = (await relations()).filter((relation) => relation.schema !== schema);
  expect(foreign.length).toBeGreaterThan(30);
  const rows = await baton.database.admin<{ relation: string }>(
    `SELECT DISTINCT relation FROM unnest($2::text[]) AS relation, unnest($3::text[]) AS privilege
     WHERE CASE WHEN privilege IN ('DELETE', 'TRUNCATE') THEN has_table_privilege($1, relation, privilege) ELSE has_any_column_privilege($1, relation, privilege) END`,
    [roleOf(schema), foreign.map(({ schema: of, name }) => `${of}.${name}`), privileges],
  );
  return foreign.filter(({ schema: of, name }) => rows.some(({ relation }) => relation === `${of}.${name}`));
}

describe('a service’s role', () => {
  it.each(SCHEMAS)('%s can write no table and no view that is not its own, but for adding to the audit', async (schema) => {
    const inserted = await allowed(schema, ['INSERT']);
    expect(inserted.map(({ schema: of, name }) => `${of}.${name}`)).toEqual(schema === 'audit' ? [] : ['audit.entry']);
    expect(await allowed(schema, ['UPDATE', 'DELETE', 'TRUNCATE'])).toEqual([]);
  });

  it.each(SCHEMAS)('%s reads of others what they publish, and nothing else', async (schema) => {
    const read = await allowed(schema, ['SELECT']);
    expect(read.filter(({ name, kind }) => kind !== 'view' || !PUBLISHED.has(name))).toEqual([]);
    expect(read.length > 0).toBe(schema !== 'audit');
  });

  it.each(SCHEMAS)('%s can make nothing in another’s schema, and is nobody else', async (schema) => {
    const others = SCHEMAS.filter((each) => each !== schema);
    const [row] = await baton.database.admin<{ makes: number; is: string[]; super: boolean }>(
      `SELECT (SELECT count(*)::int FROM unnest($2::text[]) AS other WHERE has_schema_privilege($1, other, 'CREATE')) AS makes,
              ARRAY(SELECT other FROM unnest($3::text[]) AS other WHERE pg_has_role($1, other, 'USAGE')) AS is,
              (SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles WHERE rolname = $1) AS super`,
      [roleOf(schema), [...others, 'public'], others.map(roleOf)],
    );
    expect(row).toEqual({ makes: 0, is: [], super: false });
  });

  it('is refused by PostgreSQL itself when it tries', async () => {
    const database = await Database.open({ dsn: baton.database.dsn('referrals'), schema: 'referrals', poolSize: 2 });
    for (const text of [`UPDATE consent.access SET recipient = 'safe-zones'`, `DELETE FROM notifications.event`, `SELECT * FROM directory.person_link`, `DELETE FROM audit.entry`, `SET ROLE baton_consent`]) {
      const state = await database.query(statement(text)).then(
        () => 'allowed',
        (error: unknown) => sqlState(error),
      );
      expect([text, state]).toEqual([text, '42501']);
    }
    await database.close();
  });
});

describe('a published relation', () => {
  const published = RELATIONS.flatMap((relation) => relation.schemas.map((schema) => [`${schema}.${relation.name}`, schema, relation] as const));

  it.each(published)('%s has the columns its contract names, in name and type', async (_name, schema, relation) => {
    const columns = await baton.database.admin<{ name: string; type: string }>(
      `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
       WHERE a.attrelid = ($1 || '.' || $2)::regclass AND a.attnum > 0 ORDER BY a.attname`,
      [schema, relation.name],
    );
    expect(columns).toEqual(relation.columns.map(({ name, type }) => ({ name, type })).sort((a, b) => (a.name < b.name ? -1 : 1)));
  });
});

describe('the store', () => {
  const folder = join(import.meta.dirname, '../../../contracts/examples/fhir-r4');
  const examples = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Resource)
    .filter(({ resourceType: type }) => resourceType(type))
    .map((resource) => [`${resource.resourceType}/${resource.id}`, resource] as const);

  it('has official examples of most types to try', () => expect(examples.length).toBeGreaterThan(25));

  it.each(examples)('gives %s back without losing an element', async (_name, example) => {
    const schema = resourceType(example.resourceType)!.schema as Schema;
    const database = await Database.open({ dsn: baton.database.dsn(schema), schema, poolSize: 2 });
    try {
      const rules: TypeRules = { type: example.resourceType, schema, create: async () => ({ ownReferences: referencesIn(example) }) };
      const caller = { partner: 'liaison', client: 'liaison', scopes: [], requestId: 'r', correlationId: 'c' };
      const { id } = await alone(database, schema, caller, (tx) => create(rules, tx, caller, { resource: example }));
      const { id: _id, meta, ...stored } = JSON.parse((await read(database, caller, example.resourceType, id))!.body) as Resource;
      const { id: _was, meta: given, ...content } = example;
      expect(stored).toEqual(content);
      expect(meta).toMatchObject(withoutVersion(given));
    } finally {
      await database.close();
    }
  });

  const withoutVersion = ({ versionId: _version, lastUpdated: _time, ...rest }: NonNullable<Resource['meta']> = {}): object => rest;
  const referencesIn = (resource: Resource): string[] => [...JSON.stringify(resource).matchAll(/"reference":"([^"]+)"/g)].map(([, reference]) => reference!);
});
