import { publish, resourceTables } from '@baton/fhir-store';
import { inboxTables, logTables, outboxTables, relayTables } from '@baton/messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The schema of consent; runs as role `baton_consent`. */
export class ConsentTables1700000000000 implements MigrationInterface {
  readonly name = 'ConsentTables1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    const schema = 'consent';
    for (const ddl of [resourceTables(schema), outboxTables(schema), relayTables(schema), logTables(schema), inboxTables(schema), DECISIONS, ACCESS, PERSONS]) await runner.query(ddl);
    await runner.query(publish(schema, 'effective_access_v1'));
  }

  async down(): Promise<void> {
    throw new Error('Decisions are never dropped by a migration.');
  }
}

/** Ids and codes only: what was said in words stays in the Consent. */
const DECISIONS = `
CREATE TABLE consent.decision (
  id text COLLATE "C" PRIMARY KEY,
  patient text COLLATE "C" NOT NULL,
  recorder text NOT NULL,
  effect text NOT NULL CHECK (effect IN ('permit', 'deny')),
  partners text[] NOT NULL,
  services text[] NOT NULL,
  everyone boolean NOT NULL,
  scope jsonb NOT NULL,
  context text COLLATE "C",
  withheld jsonb NOT NULL,
  purpose text NOT NULL,
  basis text NOT NULL,
  capacity text,
  justified boolean NOT NULL,
  decided_at timestamptz NOT NULL,
  valid_from timestamptz,
  valid_until timestamptz,
  status text NOT NULL CHECK (status IN ('active', 'inactive', 'entered-in-error')),
  withdrawn_at timestamptz,
  withdrawn_xid xid8,
  reach text[] COLLATE "C" NOT NULL,
  referral text COLLATE "C"
);
CREATE INDEX decision_by_patient ON consent.decision (patient) WHERE referral IS NULL;
CREATE INDEX decision_by_reach ON consent.decision USING gin (reach) WHERE reach <> '{}';
COMMENT ON COLUMN consent.decision.everyone IS 'Everyone but the owner; partners and services are empty then';
COMMENT ON COLUMN consent.decision.withdrawn_xid IS 'Transaction that withdrew it: an attempt whose snapshot sees it must not show what it took away';
COMMENT ON COLUMN consent.decision.reach IS 'Other Patients it has bound as those of the same person';
COMMENT ON COLUMN consent.decision.referral IS 'Implied consent that this referral rests on; there is no Consent resource then';

CREATE TABLE consent.sharing (
  referral text COLLATE "C" PRIMARY KEY,
  version integer NOT NULL,
  state text NOT NULL CHECK (state IN ('undecided', 'allowed', 'refused', 'withdrawn')),
  patient text COLLATE "C" NOT NULL,
  referrer text NOT NULL,
  service text NOT NULL,
  recipients text[] NOT NULL,
  named text[] NOT NULL,
  allowed text[] NOT NULL,
  decision text,
  basis text,
  implied text NOT NULL,
  closed boolean NOT NULL,
  withdrawn_xid xid8
);
CREATE INDEX sharing_by_patient ON consent.sharing (patient);
`;

const ACCESS = `
CREATE TABLE consent.access (
  patient text COLLATE "C" NOT NULL,
  owner text,
  recipient text NOT NULL,
  category text,
  context text COLLATE "C",
  item text COLLATE "C",
  purpose text NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_until timestamptz,
  decision text NOT NULL,
  CHECK ((category IS NULL) <> (item IS NULL))
);
CREATE INDEX access_by_patient ON consent.access (patient, recipient);
COMMENT ON TABLE consent.access IS 'Written and taken away, never updated, under the lock of the person; a referral makes dozens of rows, so they carry no id and no second index';
CREATE VIEW consent.effective_access_v1 AS
  SELECT patient, owner, recipient, category, context, item, purpose, valid_from, valid_until, decision FROM consent.access;

CREATE TABLE consent.withdrawn (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  patient text COLLATE "C" NOT NULL,
  owner text,
  recipient text NOT NULL,
  category text,
  context text COLLATE "C",
  item text COLLATE "C",
  decision text NOT NULL,
  at timestamptz NOT NULL,
  xid xid8 NOT NULL
);
COMMENT ON TABLE consent.withdrawn IS 'Access rows that were taken away, and the transaction that did it';
`;

const PERSONS = `
CREATE TABLE consent.person_lock (
  person uuid PRIMARY KEY,
  taken bigint NOT NULL DEFAULT 0,
  patient text,
  next_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX person_lock_due ON consent.person_lock (next_at) WHERE next_at IS NOT NULL;
COMMENT ON COLUMN consent.person_lock.next_at IS 'When this person is to be judged again: a decision begins or ends, or persons were linked or unlinked';

CREATE TABLE consent.service_recipient (
  service text NOT NULL,
  partner text NOT NULL,
  PRIMARY KEY (service, partner)
);
COMMENT ON TABLE consent.service_recipient IS 'Who stood behind each service when it was last looked at: where that changed, decisions that name it are judged again';
`;
