import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Decisions on their way to partners that sent a referral as a message. */
export class MessageDeliveryTables1700000000001 implements MigrationInterface {
  readonly name = 'MessageDeliveryTables1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE notifications.message_delivery (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        partner text NOT NULL,
        referral text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        event text NOT NULL,
        refs text[] NOT NULL,
        patient text COLLATE "C" NOT NULL,
        urgent boolean NOT NULL,
        occurred timestamptz NOT NULL,
        queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        request jsonb NOT NULL,
        correlation_id text NOT NULL,
        state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'waiting', 'parked', 'delivered')),
        attempts integer NOT NULL DEFAULT 0,
        next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        failure text,
        token uuid,
        until timestamptz,
        UNIQUE (referral, version)
      ) WITH (fillfactor = 85);
      CREATE INDEX message_undelivered ON notifications.message_delivery (partner, next_at) WHERE state IN ('queued', 'waiting');
      CREATE INDEX message_of_partner ON notifications.message_delivery (partner, queued_at);
      COMMENT ON COLUMN notifications.message_delivery.id IS 'Also the Bundle.id and X-Request-Id of the message: the same over every retry';
      COMMENT ON COLUMN notifications.message_delivery.request IS 'The message that is answered: its Bundle.id, reason and parties';

      CREATE TABLE notifications.message_attempt (
        id uuid PRIMARY KEY,
        delivery uuid NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        snapshot pg_snapshot NOT NULL,
        named text[] NOT NULL,
        outcome text NOT NULL DEFAULT 'begun',
        status integer,
        failure text,
        ended_at timestamptz
      );
      CREATE INDEX message_attempt_of ON notifications.message_attempt (delivery);
      COMMENT ON COLUMN notifications.message_attempt.snapshot IS 'Of the statement that asked for consent and rendered';`);
  }

  async down(): Promise<void> {
    throw new Error('What partners were told is never dropped by a migration.');
  }
}
