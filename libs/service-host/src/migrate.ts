import { AuditTables1700000000000, makeAuditPartitions } from '@baton/access';
import { Database, type Schema } from '@baton/postgres';
import { crashPoint } from '@baton/kernel';
import { rebuildMigration } from './rebuilds.js';
import type { Service } from './service.js';

/** Opens the audit schema, brought up to date, with the partitions of the months to come. */
export async function openAudit(dsn: string): Promise<Database> {
  const audit = await Database.open({ dsn, schema: 'audit', migrations: [AuditTables1700000000000], poolSize: 2 });
  await audit.migrate();
  await makeAuditPartitions(audit);
  return audit;
}

/** Opens a service's schema under its own role, brought up to date. */
export async function openSchema({ name, migrations, types }: Service, dsn: string): Promise<Database> {
  const database = await Database.open({ dsn, schema: name, migrations: types.length > 0 ? [...migrations, rebuildMigration(name)] : migrations });
  await database.migrate();
  crashPoint('start.migrated');
  return database;
}

/** Brings the schemas of all these services up to date, the audit first, each under its own role: before any of them starts alone. */
export async function migrateServices(services: readonly Service[], dsnOf: (schema: Schema) => string): Promise<void> {
  await (await openAudit(dsnOf('audit'))).close();
  for (const service of services) await (await openSchema(service, dsnOf(service.name))).close();
}
