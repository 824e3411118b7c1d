import { resourceTables } from '@baton/fhir-store';
import { inboxTables } from '@baton/messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The schema of notifications; runs as role `baton_notifications`. */
export class NotificationsTables1700000000000 implements MigrationInterface {
  readonly name = 'NotificationsTables1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const ddl of [resourceTables('notifications'), inboxTables('notifications'), SUBSCRIPTIONS, EVENTS, DELIVERY]) await runner.query(ddl);
  }

  async down(): Promise<void> {
    throw new Error('What partners were told is never dropped by a migration.');
  }
}

const SUBSCRIPTIONS = `
CREATE TABLE notifications.subscription (
  id text COLLATE "C" PRIMARY KEY,
  partner text NOT NULL,
  status text NOT NULL CHECK (status IN ('requested', 'active', 'error', 'off')),
  topic text NOT NULL,
  canonical text NOT NULL,
  filters jsonb NOT NULL,
  endpoint text NOT NULL,
  content text NOT NULL,
  payload text NOT NULL,
  headers text[] NOT NULL,
  heartbeat_seconds integer,
  timeout_seconds integer,
  max_count integer,
  ends_at timestamptz,
  generation integer NOT NULL DEFAULT 1,
  handshake_until timestamptz
);
CREATE INDEX subscription_by_partner ON notifications.subscription (partner);
COMMENT ON COLUMN notifications.subscription.headers IS 'Sealed, line by line';
COMMENT ON COLUMN notifications.subscription.generation IS 'Raised whenever a handshake is asked for: an older one that ends late settles nothing';

-- Apart from the subscription, whose rows are locked while events are numbered.
CREATE TABLE notifications.channel_health (
  subscription text COLLATE "C" PRIMARY KEY,
  last_success_at timestamptz,
  last_sent_at timestamptz,
  error text
) WITH (fillfactor = 50);

CREATE TABLE notifications.signing_secret (
  id uuid PRIMARY KEY,
  partner text NOT NULL,
  sealed text NOT NULL,
  shown boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  retires_at timestamptz
);
CREATE INDEX signing_secret_by_partner ON notifications.signing_secret (partner);
COMMENT ON COLUMN notifications.signing_secret.shown IS 'False: made so that the first delivery is signed; nobody knows it';`;

// Plans are kept, and may have been made while the table was all but empty: so one index alone fits each question that is asked of it often
// (the last number, what was told of a focus, what waits in a lane), and none can be mistaken for one that is walked from end to end.
const EVENTS = `
CREATE TABLE notifications.event (
  subscription text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('transition', 'shared', 'access-lost')),
  type text NOT NULL,
  focus text COLLATE "C" NOT NULL,
  aggregate text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  refs text[] NOT NULL,
  versions integer[] NOT NULL,
  owner text NOT NULL,
  patient text COLLATE "C",
  referral text COLLATE "C",
  person text COLLATE "C" NOT NULL,
  urgent boolean NOT NULL,
  occurred timestamptz NOT NULL,
  queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  correlation_id text NOT NULL,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'waiting', 'parked', 'delivered', 'abandoned')),
  attempts integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (subscription, number),
  UNIQUE (focus, subscription, aggregate, version, kind)
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX event_by_id ON notifications.event (id);
CREATE INDEX event_undelivered ON notifications.event (person, subscription, number) WHERE state IN ('queued', 'waiting', 'parked');
CREATE INDEX event_by_referral ON notifications.event (referral) WHERE referral IS NOT NULL;
CREATE INDEX event_by_person ON notifications.event ((person || ''));
COMMENT ON COLUMN notifications.event.number IS 'Counts the events of the subscription, without gaps';
COMMENT ON COLUMN notifications.event.person IS 'As of queueing: unit of order';

CREATE TABLE notifications.attempt (
  id uuid PRIMARY KEY,
  subscription text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  snapshot pg_snapshot NOT NULL,
  named text[] NOT NULL,
  outcome text NOT NULL DEFAULT 'begun' CHECK (outcome IN ('begun', 'delivered', 'retry', 'parked', 'gone', 'abandoned', 'queried')),
  status integer,
  failure text,
  ended_at timestamptz
);
CREATE INDEX attempt_by_event ON notifications.attempt (subscription, number);
COMMENT ON COLUMN notifications.attempt.snapshot IS 'Of the statement that asked for consent and rendered: shows every withdrawal it could see';
COMMENT ON COLUMN notifications.attempt.named IS 'References that it told of';`;

const DELIVERY = `
CREATE TABLE notifications.lane (
  subscription text COLLATE "C" NOT NULL,
  person text COLLATE "C" NOT NULL,
  due_at timestamptz,
  changes bigint NOT NULL DEFAULT 0,
  token uuid,
  holder uuid,
  until timestamptz,
  PRIMARY KEY (subscription, person)
);
CREATE INDEX lane_due ON notifications.lane (subscription, due_at) WHERE token IS NULL AND due_at IS NOT NULL;
CREATE INDEX lane_held ON notifications.lane (token) WHERE token IS NOT NULL;
COMMENT ON TABLE notifications.lane IS 'The events of one person within one subscription, while any waits: one delivery at a time, whoever works';
COMMENT ON COLUMN notifications.lane.changes IS 'Raised with every event queued: who recomputes due_at from an older snapshot must try again';
COMMENT ON COLUMN notifications.lane.token IS 'One for all lanes that were leased at once; a lane that is leased again has another';

CREATE TABLE notifications.worker (
  id uuid PRIMARY KEY,
  until timestamptz NOT NULL
) WITH (fillfactor = 20);`;
