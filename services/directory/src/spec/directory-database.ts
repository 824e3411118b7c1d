import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditTables1700000000000, egressPolicy } from '@baton/access';
import { RELATIONS } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import { alone, create, patch, remove, update, type ResourceAnswer, type TypeRules } from '@baton/fhir-store';
import type { Caller } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import { directoryService, type DirectoryService } from '../directory.module.js';
import { DirectoryTables1700000000000 } from '../migrations/directory.migration.js';
import type { PersonChange } from '../patient.rules.js';

/** What consent publishes, by contract, as far as the directory's own tests need it: a table to put rows in, and the view. */
const ACCESS = RELATIONS.find(({ schemas }) => schemas.includes('consent') && schemas.length === 1)!;
const CONSENT_STAND_IN = `
  CREATE TABLE consent.access (${ACCESS.columns.map(({ name, type }) => `${name} ${type}`).join(', ')});
  ALTER TABLE consent.access ALTER purpose SET DEFAULT 'TREAT', ALTER valid_from SET DEFAULT '-infinity', ALTER decision SET DEFAULT 'd';
  CREATE VIEW consent.${ACCESS.name} AS SELECT * FROM consent.access;
  GRANT SELECT ON consent.${ACCESS.name} TO baton_directory`;

/** A directory on a database of its own, and what partners may do with it. */
export interface TestDirectory {
  readonly test: TestDatabase;
  readonly db: Database;
  readonly home: string;
  readonly service: DirectoryService;
  /** Changes of person that consent was told of. */
  readonly relinked: PersonChange[];
  create(partner: string, resource: object): Promise<ResourceAnswer>;
  update(partner: string, id: string, resource: object): Promise<ResourceAnswer>;
  patch(partner: string, type: string, id: string, operations: unknown): Promise<ResourceAnswer>;
  remove(partner: string, type: string, id: string): Promise<ResourceAnswer>;
  rules(type: string): TypeRules;
  close(): Promise<void>;
}

export const callerOf = (partner: string): Caller => ({ partner, client: partner, scopes: ['system/*.cruds'], requestId: 'r1', correlationId: 'c1' });

export async function openDirectory(): Promise<TestDirectory> {
  const home = await mkdtemp(join(tmpdir(), 'baton-directory-'));
  const test = await createTestDatabase();
  await test.open('audit', [AuditTables1700000000000]);
  await test.admin(CONSENT_STAND_IN);
  const db = await test.open('directory', [DirectoryTables1700000000000], { poolSize: 8 });
  const relinked: PersonChange[] = [];
  const service = directoryService({ relink: { lock: async () => undefined, settle: async (_tx, _caller, change) => void relinked.push(change) } });
  await service.equip({ home, egress: egressPolicy({}) });
  const rules = (type: string): TypeRules => service.types.find((each) => each.type === type)!;
  return {
    test,
    db,
    home,
    service,
    relinked,
    rules,
    create: (partner, resource) => {
      const input = resource as Resource;
      return alone(db, 'directory', callerOf(partner), (tx) => create(rules(input.resourceType), tx, callerOf(partner), { resource: input }));
    },
    update: (partner, id, resource) => {
      const input = resource as Resource;
      return alone(db, 'directory', callerOf(partner), (tx) => update(rules(input.resourceType), tx, callerOf(partner), { id, resource: input }));
    },
    patch: (partner, type, id, operations) => alone(db, 'directory', callerOf(partner), (tx) => patch(rules(type), tx, callerOf(partner), { id, operations })),
    remove: (partner, type, id) => alone(db, 'directory', callerOf(partner), (tx) => remove(rules(type), tx, callerOf(partner), { id })),
    close: async () => {
      await test.drop();
      await rm(home, { recursive: true });
    },
  };
}

/** The names of the rules that stood against something. */
export async function rulesAgainst(attempt: Promise<unknown>): Promise<{ kind: string; rules: string[] }> {
  try {
    await attempt;
  } catch (error) {
    const { kind, violations } = error as { kind?: string; violations?: { rule: string }[] };
    if (kind === undefined || !violations) throw error;
    return { kind, rules: violations.map(({ rule }) => rule) };
  }
  return { kind: 'none', rules: [] };
}
