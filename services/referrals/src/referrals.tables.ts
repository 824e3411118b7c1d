import { resourceTables } from '@baton/fhir-store';
import { inboxTables, logTables, outboxTables, relayTables } from '@baton/messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * One row per referral: where it stands, and what rules and clocks ask about it. Its lock is the referral's lock: both
 * ServiceRequest and Task change only while it is held.
 */
const REFERRAL = `
  CREATE TABLE referrals.referral (
    id text COLLATE "C" PRIMARY KEY,
    task text COLLATE "C" NOT NULL,
    patient text COLLATE "C" NOT NULL,
    person uuid NOT NULL,
    referrer text NOT NULL,
    service text NOT NULL,
    site text,
    recipients text[] NOT NULL,
    priority text NOT NULL,
    pathway text NOT NULL,
    pathway_version text NOT NULL,
    named text[] NOT NULL,
    status text NOT NULL,
    held boolean NOT NULL,
    ahead integer,
    expected_days integer,
    reason text,
    review_date text,
    outcome text,
    instead text,
    episode text,
    requested_at timestamptz NOT NULL,
    allowance integer NOT NULL,
    undecided_by timestamptz,
    acknowledge_by timestamptz,
    unacknowledged_at timestamptz,
    version integer NOT NULL,
    service_request_version integer NOT NULL,
    task_version integer NOT NULL
  ) WITH (fillfactor = 80);
  COMMENT ON COLUMN referrals.referral.allowance IS 'Minutes within which it is to be received, by the pathway it was judged by and its priority';
  CREATE UNIQUE INDEX referral_by_task ON referrals.referral (task);
  CREATE UNIQUE INDEX referral_open_once ON referrals.referral (service, person, referrer)
    WHERE status IN ('requested', 'received', 'accepted', 'in-progress', 'on-hold');
  CREATE INDEX referral_caseload ON referrals.referral (service) WHERE status IN ('accepted', 'in-progress', 'on-hold');
  CREATE INDEX referral_due ON referrals.referral (coalesce(acknowledge_by, undecided_by))
    WHERE status = 'requested' AND NOT held AND unacknowledged_at IS NULL;
  CREATE INDEX referral_unacknowledged ON referrals.referral (service) WHERE status = 'requested' AND unacknowledged_at IS NOT NULL;`;

/** How often a referral was refused as not eligible, by the route it came and the reason; the referral itself is not kept. */
const REFUSED_COUNT = `
  CREATE TABLE referrals.refused_count (
    service text NOT NULL,
    route text NOT NULL,
    reason text NOT NULL,
    count bigint NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (service, route, reason)
  );`;

/** Everything in the schema `referrals`. */
export class ReferralsTables1700000000000 implements MigrationInterface {
  readonly name = 'ReferralsTables1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(resourceTables('referrals') + outboxTables('referrals') + relayTables('referrals') + logTables('referrals') + inboxTables('referrals') + REFERRAL + REFUSED_COUNT);
  }

  async down(): Promise<void> {
    throw new Error('Referrals are not taken back: restore a backup instead.');
  }
}
