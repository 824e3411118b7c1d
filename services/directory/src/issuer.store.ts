import { auditFragment, type AuditEntry } from '@baton/access';
import { crashPoint } from '@baton/kernel';
import { statement, weave, type Reader } from '@baton/postgres';
import type { AssertionClaims, Client } from './issuer.js';

interface ClientRow {
  client_id: string;
  partner: string;
  organization: string | null;
  scopes: string[];
  jwks: Client['jwks'];
  suspended: boolean;
}

/** The client of an id, suspended ones too, or undefined. */
export async function findClient(db: Reader, clientId: string): Promise<Client | undefined> {
  const [row] = await db.query<ClientRow>(statement(`SELECT client_id, partner, organization, scopes, jwks, suspended FROM directory.client WHERE client_id = $1`), [clientId]);
  if (!row) return undefined;
  const { client_id: clientId_, organization, ...rest } = row;
  return { clientId: clientId_, ...rest, ...(organization === null ? {} : { organization }) };
}

/** Registers a client, or changes what is registered; a suspension stays. @param demo its key follows the file under BATON_HOME */
export async function registerClient(db: Reader, client: Omit<Client, 'suspended'>, demo = false): Promise<void> {
  await db.query(
    statement(`
      INSERT INTO directory.client (client_id, partner, organization, scopes, jwks, demo) VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (client_id) DO UPDATE SET partner = excluded.partner, organization = excluded.organization, scopes = excluded.scopes,
        jwks = excluded.jwks, demo = excluded.demo
      WHERE client.demo OR NOT excluded.demo`),
    [client.clientId, client.partner, client.organization ?? null, client.scopes, JSON.stringify(client.jwks), demo],
  );
  crashPoint('issuer.client-registered');
}

/** Stops a client from getting tokens, or lets it again. Tokens it holds already live out their 300 seconds. */
export async function suspendClient(db: Reader, clientId: string, suspended: boolean): Promise<void> {
  await db.query(statement(`UPDATE directory.client SET suspended = $2 WHERE client_id = $1`), [clientId, suspended]);
  crashPoint('issuer.client-suspended');
}

/**
 * Uses an assertion up, together with the audit entry of what came of it, in one statement. Of two that come at the same
 * moment, the unique index lets one in; the other waits for it and finds the assertion used.
 *
 * @returns `trusted` false where the client was suspended meanwhile; `fresh` false where the assertion was used before
 */
export async function useAssertion(db: Reader, clientId: string, { jti, expires }: AssertionClaims, entry: AuditEntry): Promise<{ trusted: boolean; fresh: boolean }> {
  const { statement: sql, values } = weave(
    {
      trusted: { sql: `SELECT client_id FROM directory.client WHERE client_id = $1 AND NOT suspended`, values: [clientId] },
      used: {
        sql: `INSERT INTO directory.assertion_used (iss, jti, expires_at) SELECT client_id, $1, to_timestamp($2::float8) FROM trusted ON CONFLICT DO NOTHING RETURNING iss`,
        values: [jti, expires],
      },
      // Kept an hour longer than they could be used by the clock of any server; then nobody needs them.
      forgotten: {
        sql: `DELETE FROM directory.assertion_used WHERE (iss, jti) IN (SELECT iss, jti FROM directory.assertion_used
          WHERE expires_at < statement_timestamp() - interval '1 hour' ORDER BY expires_at LIMIT 20 FOR UPDATE SKIP LOCKED)`,
        values: [],
      },
      audited: auditFragment([entry], 'used'),
    },
    { sql: `SELECT EXISTS (SELECT FROM trusted) AS trusted, EXISTS (SELECT FROM used) AS fresh`, values: [] },
  );
  const [row] = await db.query<{ trusted: boolean; fresh: boolean }>(sql, values);
  crashPoint('issuer.assertion-used');
  return row!;
}
