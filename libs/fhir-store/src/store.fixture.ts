import { AuditTables1700000000000 } from '@baton/access';
import type { Resource } from '@baton/fhir';
import type { Caller } from '@baton/kernel';
import { inboxTables, logTables, outboxTables, relayTables } from '@baton/messaging';
import type { Database, Schema } from '@baton/postgres';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { publish, resourceTables } from './tables.js';
import type { TypeRules } from './type-rules.js';

class Tables1700000000001 implements MigrationInterface {
  name = 'Tables1700000000001';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`${resourceTables('episodes')}${outboxTables('episodes')}${relayTables('episodes')}${logTables('episodes')}${inboxTables('episodes')}`);
  }
  async down(): Promise<void> {}
}

/** The other services' resources: none, but there. */
const empty = (schema: Schema): new () => MigrationInterface =>
  class Resources1700000000003 implements MigrationInterface {
    name = 'Resources1700000000003';
    async up(runner: QueryRunner): Promise<void> {
      await runner.query(resourceTables(schema));
    }
    async down(): Promise<void> {}
  };

class Access1700000000002 implements MigrationInterface {
  name = 'Access1700000000002';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE consent.access (patient text, owner text, recipient text, category text, context text, item text, purpose text, valid_from timestamptz, valid_until timestamptz, decision text);
      CREATE VIEW consent.effective_access_v1 AS SELECT * FROM consent.access;
      ${publish('consent', 'effective_access_v1')}`);
  }
  async down(): Promise<void> {}
}

/** Flags and observations of young people, in a schema of their own: the least a service can be. */
export interface Store {
  readonly test: TestDatabase;
  readonly database: Database;
  readonly consent: Database;
  /** Opens what `owner` recorded of a patient to a recipient. */
  open(what: { patient: string; owner: string; recipient: string; category?: string; item?: string; context?: string; until?: string }): Promise<void>;
  /** Closes everything for a recipient. */
  close(recipient: string): Promise<void>;
}

export async function openStore(): Promise<Store> {
  const test = await createTestDatabase();
  await test.open('audit', [AuditTables1700000000000]);
  const consent = await test.open('consent', [Access1700000000002, empty('consent')]);
  for (const schema of ['directory', 'notifications', 'referrals'] as const) await test.open(schema, [empty(schema)]);
  const database = await test.open('episodes', [Tables1700000000001]);
  return {
    test,
    database,
    consent,
    open: async ({ patient, owner, recipient, category, item, context, until }) => {
      await test.admin(`INSERT INTO consent.access VALUES ($1, $2, $3, $4, $5, $6, 'TREAT', clock_timestamp(), $7, 'd')`, [patient, owner, recipient, category ?? null, context ?? null, item ?? null, until ?? null]);
    },
    close: async (recipient) => {
      await test.admin('DELETE FROM consent.access WHERE recipient = $1', [recipient]);
    },
  };
}

const subjectOf = (resource: Resource): string | undefined => (resource['subject'] as { reference?: string } | undefined)?.reference?.split('/')[1];

/** Rules that let everything pass and announce nothing. */
export const rulesOf = (type: string, more: Partial<TypeRules> = {}): TypeRules => ({
  type,
  schema: 'episodes',
  patientOf: subjectOf,
  create: async () => ({ ownReferences: ['Patient/p1', 'Patient/p2'] }),
  update: async () => ({ ownReferences: ['Patient/p1', 'Patient/p2'] }),
  remove: async () => ({}),
  ...more,
});

export const caller = (partner: string): Caller => ({ partner, client: partner, scopes: ['system/*.cruds'], requestId: 'r', correlationId: 'c' });

export const flag = (patient = 'p1', text = 'Prefers a quiet room.'): Resource => ({ resourceType: 'Flag', status: 'active', code: { text }, subject: { reference: `Patient/${patient}` } });
