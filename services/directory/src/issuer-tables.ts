/**
 * The issuer's tables, to be made by the migration of the schema they lie in.
 *
 * @param schema from code, never from input
 * @returns DDL, several statements
 */
export const issuerTables = (schema: string): string => `
CREATE TABLE ${schema}.client (
  client_id text PRIMARY KEY,
  partner text NOT NULL CHECK (partner <> 'baton'),
  organization text,
  scopes text[] NOT NULL,
  jwks jsonb NOT NULL,
  suspended boolean NOT NULL DEFAULT false,
  demo boolean NOT NULL DEFAULT false,
  registered_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN ${schema}.client.jwks IS 'Public keys only';
COMMENT ON COLUMN ${schema}.client.demo IS 'Its key was made at first start under BATON_HOME/partners and follows that file';

CREATE TABLE ${schema}.assertion_used (
  iss text NOT NULL,
  jti text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (iss, jti)
);
CREATE INDEX assertion_used_expiry ON ${schema}.assertion_used (expires_at);
`;
