import { idempotencyTable } from '@baton/fhir-store';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The gateway stores nothing of anybody: only which requests it has answered. */
export class GatewayTables1700000000000 implements MigrationInterface {
  name = 'GatewayTables1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(idempotencyTable('gateway'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE gateway.idempotency');
  }
}
