import { roleOf, SCHEMAS } from '@baton/postgres';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AUDIT_COLUMNS } from './audit.js';

/** The audit schema; runs as role `baton_audit`, after bootstrap has made every service's role. */
export class AuditTables1700000000000 implements MigrationInterface {
  readonly name = 'AuditTables1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const ddl of [...ENTRY, MAKE_PARTITIONS, `SELECT audit.make_partitions(now(), 3)`, ...grants()]) await runner.query(ddl);
  }

  async down(): Promise<void> {
    throw new Error('Audit entries are never dropped by a migration.');
  }
}

const ENTRY = [
  `CREATE TABLE audit.entry (
    id uuid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    service text NOT NULL DEFAULT replace(current_user, 'baton_', ''),
    partner text NOT NULL,
    client text NOT NULL,
    interaction text NOT NULL,
    outcome text NOT NULL,
    patient text,
    resources text[] NOT NULL DEFAULT '{}',
    owners text[] NOT NULL DEFAULT '{}',
    request_id text NOT NULL,
    correlation_id text NOT NULL,
    query text,
    purpose text,
    rule text,
    PRIMARY KEY (recorded_at, id)
  ) PARTITION BY RANGE (recorded_at)`,
  `CREATE TABLE audit.entry_default PARTITION OF audit.entry DEFAULT`,
  `COMMENT ON TABLE audit.entry IS 'Who did what with whose data. Services may only insert; rows are never changed.'`,
];

/**
 * Makes the partitions of this month and of some months ahead; those that exist are left alone. Rows that had to go to
 * the default partition move to their month unchanged.
 */
const MAKE_PARTITIONS = `
CREATE FUNCTION audit.make_partitions(since timestamptz, ahead int) RETURNS int LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
  first timestamptz;
  part text;
  made int := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('baton audit partitions'));
  FOR month IN 0..ahead LOOP
    first := date_trunc('month', since) + make_interval(months => month);
    part := 'entry_' || to_char(first, 'YYYY_MM');
    CONTINUE WHEN to_regclass('audit.' || part) IS NOT NULL;
    EXECUTE format('CREATE TABLE audit.%I (LIKE audit.entry INCLUDING ALL)', part);
    LOCK TABLE audit.entry_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH moved AS (DELETE FROM audit.entry_default WHERE recorded_at >= $1 AND recorded_at < $2 RETURNING *)
      INSERT INTO audit.%I SELECT * FROM moved', part) USING first, first + interval '1 month';
    EXECUTE format('ALTER TABLE audit.entry ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)', part, first, first + interval '1 month');
    made := made + 1;
  END LOOP;
  RETURN made;
END $$`;

/** Column by column, so that no service can write another's name or another time. */
function grants(): string[] {
  const roles = SCHEMAS.filter((schema) => schema !== 'audit').map((schema) => roleOf(schema)).join(', ');
  return [
    `REVOKE ALL ON FUNCTION audit.make_partitions(timestamptz, int) FROM PUBLIC`,
    `GRANT USAGE ON SCHEMA audit TO ${roles}`,
    `GRANT INSERT (${AUDIT_COLUMNS}) ON audit.entry TO ${roles}`,
  ];
}
