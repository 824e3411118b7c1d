import { publish, resourceTables } from '@baton/fhir-store';
import { logTables, outboxTables, relayTables } from '@baton/messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { issuerTables } from '../issuer-tables.js';

/** The directory's schema; runs as role `baton_directory`. */
export class DirectoryTables1700000000000 implements MigrationInterface {
  readonly name = 'DirectoryTables1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    const schema = 'directory';
    for (const ddl of [resourceTables(schema), outboxTables(schema), relayTables(schema), logTables(schema), issuerTables(schema), PERSONS, PATHWAYS]) await runner.query(ddl);
    for (const view of ['person_v1', 'pathway_v1', 'recipient_v1']) await runner.query(publish(schema, view));
  }

  async down(): Promise<void> {
    throw new Error('What partners recorded is never dropped by a migration.');
  }
}

/** `hmac` is a keyed digest of the NHS number (`person-key.ts`): it finds, and tells nothing to who lacks the key. */
const PERSONS = `
CREATE TABLE directory.person_link (
  patient text COLLATE "C" PRIMARY KEY,
  person uuid NOT NULL,
  hmac bytea,
  birth_date text,
  verified boolean NOT NULL DEFAULT false
);
CREATE INDEX person_link_by_person ON directory.person_link (person);
CREATE INDEX person_link_by_number ON directory.person_link (hmac) WHERE hmac IS NOT NULL;
COMMENT ON COLUMN directory.person_link.verified IS 'The number was traced and the birth date is whole: the person was found by person_key';

CREATE TABLE directory.person_key (
  hmac bytea NOT NULL,
  birth_date date NOT NULL,
  person uuid NOT NULL,
  PRIMARY KEY (hmac, birth_date)
);

CREATE TABLE directory.link_review (
  patient text COLLATE "C" NOT NULL,
  other text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (patient, other),
  CHECK (patient < other)
);
CREATE INDEX link_review_by_other ON directory.link_review (other);
COMMENT ON TABLE directory.link_review IS 'Pairs of Patients that carry one NHS number and are two persons: somebody looks at them';

CREATE VIEW directory.person_v1 AS SELECT patient, person FROM directory.person_link;
`;

const PATHWAYS = `
CREATE TABLE directory.pathway (
  pathway text NOT NULL,
  version text NOT NULL,
  in_force_from timestamptz NOT NULL,
  in_force_until timestamptz,
  digest text NOT NULL,
  definition jsonb NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (pathway, version),
  UNIQUE (pathway, in_force_from)
);
COMMENT ON COLUMN directory.pathway.digest IS 'SHA-256 of the file as published: a version never changes';

CREATE TABLE directory.pathway_service (
  pathway text NOT NULL,
  version text NOT NULL,
  service_key text NOT NULL,
  service text NOT NULL,
  PRIMARY KEY (pathway, version, service_key),
  FOREIGN KEY (pathway, version) REFERENCES directory.pathway
);
CREATE INDEX pathway_service_by_service ON directory.pathway_service (service);

CREATE TABLE directory.recipient (
  pathway text NOT NULL,
  version text NOT NULL,
  service text NOT NULL,
  partner text NOT NULL,
  role text NOT NULL CHECK (role IN ('provider', 'delivery')),
  PRIMARY KEY (service, pathway, version, partner),
  FOREIGN KEY (pathway, version) REFERENCES directory.pathway
);

CREATE TABLE directory.pathway_partner (
  pathway text NOT NULL,
  version text NOT NULL,
  partner text NOT NULL CHECK (partner <> 'baton'),
  trusted_to_trace boolean NOT NULL,
  PRIMARY KEY (partner, pathway, version),
  FOREIGN KEY (pathway, version) REFERENCES directory.pathway
);

CREATE VIEW directory.pathway_v1 AS
  SELECT s.service, s.service_key, p.pathway, p.version, p.in_force_from, p.in_force_until, p.definition
  FROM directory.pathway p JOIN directory.pathway_service s USING (pathway, version);

CREATE VIEW directory.recipient_v1 AS
  SELECT r.service, r.partner, r.role
  FROM directory.recipient r JOIN directory.pathway p USING (pathway, version)
  WHERE p.in_force_from <= statement_timestamp() AND (p.in_force_until IS NULL OR statement_timestamp() < p.in_force_until);
`;
