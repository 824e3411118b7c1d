import { EVENTS } from '@baton/contracts';
import { roleOf, SCHEMAS, type Schema } from '@baton/postgres';
import { publisherOf } from './envelope.js';
import { JOB_COLUMNS } from './job.js';

/** Partitions of a topic when it is made. A topic keeps its number for good; another number is another topic. */
export const PARTITIONS = 8;

// `json`, not `jsonb`: nobody looks inside on the way, so the text is checked once and copied, its key order kept.
const EVENT = `
  event_id uuid NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  type text NOT NULL,
  version integer NOT NULL,
  time timestamptz NOT NULL,
  correlation_id text NOT NULL,
  causation_id text NOT NULL,
  traceparent text,
  data json NOT NULL`;

/** DDL: where the service's commands leave their events, in the transaction of the change. Empty at rest. */
export const outboxTables = (schema: Schema): string => `
CREATE TABLE ${schema}.outbox (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,${EVENT}
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE ${schema}.outbox ALTER COLUMN time SET DEFAULT clock_timestamp();`;

/** DDL: who may relay (one leader, with an epoch that fences late ones), and the last version sent of each aggregate. */
export const relayTables = (schema: Schema): string => `
CREATE TABLE ${schema}.relay_lease (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  holder uuid,
  epoch bigint NOT NULL DEFAULT 0,
  until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);
INSERT INTO ${schema}.relay_lease DEFAULT VALUES;
CREATE TABLE ${schema}.relayed (
  topic text NOT NULL,
  key text NOT NULL,
  version integer NOT NULL,
  PRIMARY KEY (topic, key)
) WITH (fillfactor = 80);`;

/**
 * DDL: the log of the topics this service publishes, and the views by which others read it. Only this service appends.
 * Offsets of a partition have no gaps and become visible in their order; `appended_at` never falls within a partition.
 */
export const logTables = (schema: Schema): string => `
CREATE TABLE ${schema}.log (
  partition smallint NOT NULL,
  "offset" bigint NOT NULL,
  appended_at timestamptz NOT NULL,${EVENT},
  PRIMARY KEY (topic, partition, "offset")
);
CREATE TABLE ${schema}.log_head (
  topic text NOT NULL,
  partition smallint NOT NULL,
  next bigint NOT NULL DEFAULT 0,
  at timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (topic, partition)
) WITH (fillfactor = 40);
INSERT INTO ${schema}.log_head (topic, partition)
  SELECT topic, partition FROM unnest(ARRAY[${topicsOf(schema).map((topic) => `'${topic}'`).join(', ')}]::text[]) AS topic, generate_series(0, ${PARTITIONS - 1}) AS partition;
CREATE VIEW ${schema}.log_v1 AS SELECT * FROM ${schema}.log;
CREATE VIEW ${schema}.log_head_v1 AS SELECT topic, partition, next FROM ${schema}.log_head;
GRANT USAGE ON SCHEMA ${schema} TO ${readers(schema)};
GRANT SELECT ON ${schema}.log_v1, ${schema}.log_head_v1 TO ${readers(schema)};`;

/** DDL: what a consuming service remembers: events it has handled, how far each group is, what is parked. */
export const inboxTables = (schema: Schema): string => `
CREATE TABLE ${schema}.inbox (
  consumer text NOT NULL,
  event_id uuid NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_at ON ${schema}.inbox USING brin (at);
CREATE TABLE ${schema}.consumer_offset (
  grp text NOT NULL,
  topic text NOT NULL,
  partition smallint NOT NULL,
  next bigint NOT NULL,
  holder uuid,
  epoch bigint NOT NULL DEFAULT 0,
  until timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (grp, topic, partition)
) WITH (fillfactor = 40);
CREATE TABLE ${schema}.consumer_member (
  grp text NOT NULL,
  topic text NOT NULL,
  member uuid NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (grp, topic, member)
) WITH (fillfactor = 40);
CREATE TABLE ${schema}.parked_key (
  consumer text NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  attempts integer NOT NULL,
  error text NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (consumer, topic, key)
);
CREATE TABLE ${schema}.parked (
  place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer text NOT NULL,
  came_from text NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),${EVENT},
  UNIQUE (consumer, event_id),
  FOREIGN KEY (consumer, topic, key) REFERENCES ${schema}.parked_key
);
CREATE INDEX parked_in_order ON ${schema}.parked (consumer, topic, key, place);
CREATE TABLE ${schema}.discarded (
  consumer text NOT NULL,
  came_from text NOT NULL,
  reason text NOT NULL,
  discarded_at timestamptz NOT NULL DEFAULT clock_timestamp(),${EVENT},
  PRIMARY KEY (consumer, event_id)
);`;

/**
 * DDL, behind `inboxTables`: what operators need to work with parked events. What was parked says whether it is an event at all;
 * what was discarded remembers its place, so that it can come back there; `redrive` shows how far a retry of many keys is.
 */
export const parkingTables = (schema: Schema): string => `
ALTER TABLE ${schema}.parked ADD COLUMN unreadable text;
ALTER TABLE ${schema}.discarded
  ADD COLUMN unreadable text,
  ADD COLUMN place bigint,
  ADD COLUMN error text NOT NULL DEFAULT 'Discarded',
  ADD COLUMN attempts integer NOT NULL DEFAULT 1,
  ADD COLUMN parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ADD COLUMN discarded_by text NOT NULL DEFAULT 'unknown';
UPDATE ${schema}.discarded d SET place = -o.nth FROM (SELECT consumer, event_id, row_number() OVER (ORDER BY discarded_at DESC) AS nth FROM ${schema}.discarded) o
  WHERE d.consumer = o.consumer AND d.event_id = o.event_id;
ALTER TABLE ${schema}.discarded ALTER COLUMN place SET NOT NULL, ALTER COLUMN place SET DEFAULT -nextval('${schema}.parked_place_seq');
COMMENT ON COLUMN ${schema}.discarded.place IS 'Where it stood among the parked; below 0, before all of them, where an earlier version of the service discarded it';
COMMENT ON COLUMN ${schema}.parked.unreadable IS 'Why it is no event; data holds what was there. Null for events';
CREATE TABLE ${schema}.redrive (
  id uuid PRIMARY KEY,
  consumer text NOT NULL,
  topic text,
  key text,
  error text,
  started_by text NOT NULL,
  total integer NOT NULL,
  done integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  applied integer NOT NULL DEFAULT 0,
  ${JOB_COLUMNS}
COMMENT ON TABLE ${schema}.redrive IS 'Retries of parked keys: how far each is. One that neither ended nor gave a sign of life lately has died and may be started again';
CREATE TABLE ${schema}.replay (
  id uuid PRIMARY KEY,
  consumer text NOT NULL,
  since timestamptz NOT NULL,
  until timestamptz,
  started_by text NOT NULL,
  read integer NOT NULL DEFAULT 0,
  applied integer NOT NULL DEFAULT 0,
  parked integer NOT NULL DEFAULT 0,
  ${JOB_COLUMNS}
COMMENT ON TABLE ${schema}.replay IS 'Stretches of time that the consumer took again beside its group';`;

/** Topics a service publishes, by contract. */
const topicsOf = (schema: Schema): string[] => [...new Set(EVENTS.map((event) => event.topic))].filter((topic) => publisherOf(topic) === schema);

/** Audit consumes nothing: its role reads no log. */
const readers = (schema: Schema): string =>
  SCHEMAS.filter((other) => other !== schema && other !== 'audit')
    .map(roleOf)
    .join(', ');
