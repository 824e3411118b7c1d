 
import { AuditTables1700000000000, makeAuditPartitions } from '@baton/access';
import { healthcareServiceId, locationId, organizationId, Pathway, recipientsOf } from '@baton/contracts';
import type { Resource } from '@baton/fhir';
import { publish, resourceTables } from '@baton/fhir-store';
import { newId } from '@baton/kernel';
import { roleOf, type Database, type Schema } from '@baton/postgres';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import { readFile } from 'node:fs/promises';
import { ReferralsTables1700000000000 } from '../referrals.tables.js';

/** A database in which referrals is real, and of the other services there is what it reads of them. */
export interface Neighbours {
  readonly test: TestDatabase;
  readonly referrals: Database;
  readonly pathway: Pathway;
  /** A resource as another service keeps it. @returns its id */
  keep(schema: Schema, resource: Resource, more: { owner: string; patient?: string; category: string; context?: string }): Promise<string>;
  /** A young person of that partner. @returns the Patient's id */
  youngPerson(owner: string, more?: { patient?: object; person?: string }): Promise<string>;
  /** Opens a referral to partners, as consent does. */
  allow(referral: string, patient: string, owner: string, ...recipients: string[]): Promise<void>;
  /** Takes all access to a referral away, as consent does when it is withdrawn. */
  withdraw(referral: string): Promise<void>;
}

const CONSENT = `
  CREATE TABLE consent.access (patient text, owner text, recipient text, category text, context text, item text, purpose text, valid_from timestamptz, valid_until timestamptz, decision text);
  CREATE VIEW consent.effective_access_v1 AS SELECT * FROM consent.access;
  ${publish('consent', 'effective_access_v1')}`;

const DIRECTORY = `
  CREATE TABLE directory.person_link (patient text PRIMARY KEY, person uuid NOT NULL);
  CREATE VIEW directory.person_v1 AS SELECT patient, person FROM directory.person_link;
  CREATE TABLE directory.loaded (service text, service_key text, pathway text, version text, in_force_from timestamptz, in_force_until timestamptz, definition jsonb);
  CREATE VIEW directory.pathway_v1 AS SELECT * FROM directory.loaded;
  CREATE TABLE directory.recipient (service text, partner text, role text);
  CREATE VIEW directory.recipient_v1 AS SELECT * FROM directory.recipient;
  ${['person_v1', 'pathway_v1', 'recipient_v1'].map((view) => publish('directory', view)).join('\n')}`;

export async function neighbours(): Promise<Neighbours> {
  const test = await createTestDatabase();
  await makeAuditPartitions(await test.open('audit', [AuditTables1700000000000]));
  const make = (schema: Schema, ddl: string) => test.admin(`SET ROLE ${roleOf(schema)}; ${ddl} RESET ROLE;`);
  await make('consent', CONSENT);
  await make('directory', resourceTables('directory') + DIRECTORY);
  await make('episodes', resourceTables('episodes'));
  const referrals = await test.open('referrals', [ReferralsTables1700000000000], { poolSize: 8 });
  const pathway = Pathway.parse(JSON.parse(await readFile(new URL('../../../../contracts/pathways/greater-manchester.json', import.meta.url), 'utf8')));

  const keep: Neighbours['keep'] = async (schema, resource, { owner, patient, category, context }) => {
    const id = resource.id ?? newId();
    await test.admin(
      `INSERT INTO ${schema}.resource (type, id, version, owner, patient, category, context, last_updated, deleted, body) VALUES ($1, $2, 1, $3, $4, $5, $6, now(), false, $7)`,
      [resource.resourceType, id, owner, patient ?? (category === 'demographics' ? id : null), category, context ?? null, JSON.stringify({ ...resource, id })],
    );
    return id;
  };
  await publishPathway(test, pathway, keep);

  return {
    test,
    referrals,
    pathway,
    keep,
    youngPerson: async (owner, { patient = {}, person = newId() } = {}) => {
      const id = await keep('directory', { resourceType: 'Patient', birthDate: '2011-03-04', address: [{ city: 'Bolton' }], ...patient }, { owner, category: 'demographics' });
      await test.admin('INSERT INTO directory.person_link VALUES ($1, $2)', [id, person]);
      return id;
    },
    allow: async (referral, patient, owner, ...recipients) => {
      for (const recipient of recipients) {
        await test.admin(`INSERT INTO consent.access VALUES ($1, $2, $3, 'referral', $4, NULL, 'TREAT', now(), NULL, 'c1')`, [patient, owner, recipient, referral]);
      }
    },
    withdraw: async (referral) => {
      await test.admin('DELETE FROM consent.access WHERE context = $1', [referral]);
    },
  };
}

async function publishPathway(test: TestDatabase, pathway: Pathway, keep: Neighbours['keep']): Promise<void> {
  for (const { id } of pathway.partners) await keep('directory', { resourceType: 'Organization', id: organizationId(id) }, { owner: 'baton', category: 'directory' });
  for (const service of pathway.services) {
    const id = healthcareServiceId(pathway.id, service.id);
    await keep('directory', { resourceType: 'HealthcareService', id }, { owner: 'baton', category: 'directory' });
    for (const site of service.sites) await keep('directory', { resourceType: 'Location', id: locationId(pathway.id, service.id, site.id) }, { owner: 'baton', category: 'directory' });
    await test.admin(`INSERT INTO directory.loaded VALUES ($1, $2, $3, $4, $5, NULL, $6)`, [id, service.id, pathway.id, pathway.version, '2025-04-01T00:00:00+01:00', JSON.stringify(pathway)]);
    for (const [i, partner] of recipientsOf(pathway, service.id).entries()) await test.admin('INSERT INTO directory.recipient VALUES ($1, $2, $3)', [id, partner, i === 0 ? 'provider' : 'delivery']);
  }
}
