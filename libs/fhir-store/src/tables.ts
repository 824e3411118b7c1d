import { roleOf, SCHEMAS, type Schema } from '@baton/postgres';

const readers = (schema: Schema): string =>
  SCHEMAS.filter((other) => other !== schema && other !== 'audit')
    .map(roleOf)
    .join(', ');

/**
 * DDL of a schema that owns resources: the present version, every version, the search index, and the three relations it
 * publishes to the other services (`contracts`: relations). Run by the service's own migration, as its own role.
 *
 * `body` is `json`, not `jsonb`: it is given back as it came, element order and decimals included, and costs less
 * to write and to read; what rules and queries need stands in typed columns and in the index.
 */
export function resourceTables(schema: Schema): string {
  return `
    CREATE TABLE ${schema}.resource (
      type text COLLATE "C" NOT NULL,
      id text COLLATE "C" NOT NULL,
      version integer NOT NULL,
      owner text NOT NULL,
      patient text COLLATE "C",
      category text NOT NULL,
      context text COLLATE "C",
      last_updated timestamptz NOT NULL,
      deleted boolean NOT NULL,
      body json NOT NULL,
      PRIMARY KEY (type, id)
    ) WITH (toast_tuple_target = 8160, fillfactor = 90);
    CREATE INDEX resource_by_patient ON ${schema}.resource (patient, type, id) WHERE patient IS NOT NULL;

    CREATE TABLE ${schema}.history (
      type text COLLATE "C" NOT NULL,
      id text COLLATE "C" NOT NULL,
      version integer NOT NULL,
      owner text NOT NULL,
      patient text COLLATE "C",
      category text NOT NULL,
      context text COLLATE "C",
      last_updated timestamptz NOT NULL,
      method text NOT NULL,
      body json NOT NULL,
      PRIMARY KEY (type, id, version)
    ) WITH (toast_tuple_target = 8160);

    CREATE TABLE ${schema}.search (
      type text COLLATE "C" NOT NULL,
      param text COLLATE "C" NOT NULL,
      value text COLLATE "C" NOT NULL,
      id text COLLATE "C" NOT NULL,
      system text COLLATE "C",
      low double precision,
      high double precision
    );
    CREATE INDEX search_by_value ON ${schema}.search (type, param, value, id);

    CREATE VIEW ${schema}.resource_v1 AS
      SELECT type, id, version, owner, patient, category, context, last_updated, deleted, body FROM ${schema}.resource;
    CREATE VIEW ${schema}.history_v1 AS
      SELECT type, id, version, owner, patient, category, context, last_updated, method, body FROM ${schema}.history;
    CREATE VIEW ${schema}.search_v1 AS
      SELECT type, param, value, id, system, low, high FROM ${schema}.search;
    ${refusal(schema)}
    GRANT SELECT ON ${schema}.resource_v1, ${schema}.history_v1, ${schema}.search_v1 TO ${readers(schema)};
    ${idempotencyTable(schema)}`;
}

/** SQLSTATE of a write whose guards did not hold. */
export const WRITE_REFUSED = 'BT001';

/** DDL: how a statement refuses itself; the references that lead nowhere go into the error's detail, as JSON. */
const refusal = (schema: Schema): string => `
    CREATE FUNCTION ${schema}.refuse_write(missing text[]) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'what the write rests on does not hold' USING ERRCODE = '${WRITE_REFUSED}', DETAIL = coalesce(array_to_json(missing)::text, '[]');
    END $$;
    REVOKE EXECUTE ON FUNCTION ${schema}.refuse_write(text[]) FROM PUBLIC;`;

/** Grants the other services' roles SELECT on a published view of a schema. */
export const publish = (schema: Schema, view: string): string => `GRANT SELECT ON ${schema}.${view} TO ${readers(schema)};`;

/** DDL: which requests with an `Idempotency-Key` were answered, and how. */
export const idempotencyTable = (schema: Schema): string => `
    CREATE TABLE ${schema}.idempotency (
      partner text NOT NULL,
      key text NOT NULL,
      fingerprint text NOT NULL,
      answer jsonb,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (partner, key)
    );
    CREATE INDEX idempotency_by_age ON ${schema}.idempotency (at);`;
