import { resourceTables } from '@baton/fhir-store';
import { inboxTables, logTables, outboxTables, relayTables } from '@baton/messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The schema of episodes; runs as role `baton_episodes`. */
export class EpisodesTables1700000000000 implements MigrationInterface {
  readonly name = 'EpisodesTables1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    const schema = 'episodes';
    for (const ddl of [resourceTables(schema), outboxTables(schema), relayTables(schema), logTables(schema), inboxTables(schema), EPISODE]) await runner.query(ddl);
  }

  async down(): Promise<void> {
    throw new Error('What partners recorded is never dropped by a migration.');
  }
}

const EPISODE = `
CREATE INDEX resource_by_context ON episodes.resource (context, type) WHERE context IS NOT NULL;

CREATE TABLE episodes.episode (
  referral text COLLATE "C" PRIMARY KEY,
  episode text COLLATE "C" NOT NULL UNIQUE,
  owner text NOT NULL,
  status text NOT NULL,
  version integer NOT NULL,
  opened_at timestamptz NOT NULL
);
COMMENT ON TABLE episodes.episode IS 'One episode per referral: whichever comes first, the event of its acceptance or a first contact, opens it';
`;
