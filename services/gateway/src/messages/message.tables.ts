import { publish } from '@baton/fhir-store';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Messages that were carried out: so that none is carried out twice, and a later decision finds its way back. */
export class MessageTables1700000000001 implements MigrationInterface {
  name = 'MessageTables1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE gateway.message (
        partner text NOT NULL,
        bundle text COLLATE "C" NOT NULL,
        request_id text NOT NULL,
        correlation_id text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('referral', 'cancellation')),
        reason text NOT NULL CHECK (reason IN ('new', 'update', 'delete')),
        focus_url text NOT NULL,
        source jsonb NOT NULL,
        destination jsonb NOT NULL,
        service_request text COLLATE "C",
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (partner, bundle)
      );
      CREATE UNIQUE INDEX message_of_referral ON gateway.message (service_request) WHERE kind = 'referral';
      CREATE INDEX message_by_focus ON gateway.message (partner, focus_url) WHERE kind = 'referral';
      COMMENT ON COLUMN gateway.message.bundle IS 'Bundle.id, by which its sender knows the message again';
      COMMENT ON COLUMN gateway.message.source IS 'Endpoint, name and ODS code as the message says them; never where anything is sent to';
      COMMENT ON COLUMN gateway.message.service_request IS 'Set before the transaction ends';

      CREATE VIEW gateway.message_v1 AS
        SELECT service_request, partner, bundle, request_id, correlation_id, reason, source, destination, at FROM gateway.message WHERE kind = 'referral';
      ${publish('gateway', 'message_v1')}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP VIEW gateway.message_v1; DROP TABLE gateway.message');
  }
}
