import { demoKey, publicPart } from '@baton/access';
import type { Reader } from '@baton/postgres';
import { OPERATOR_SCOPES, PARTNER_SCOPES } from './issuer-discovery.js';
import { registerClient } from './issuer.store.js';

/** A partner of the pathway in force that is to be able to ask for tokens. */
export interface KeyedPartner {
  readonly id: string;
  /** Reference to its Organization, e.g. `Organization/…`. */
  readonly organization?: string;
}

/**
 * Gives every partner of the loaded pathway a key to try Baton out with: the private one in
 * `<BATON_HOME>/partners/<partner>.jwk.json`, the public one registered under the partner's id. May be repeated at each
 * start. A client that was registered with a key of its own is left alone.
 */
export async function registerDemoPartners(db: Reader, home: string, partners: readonly KeyedPartner[]): Promise<void> {
  for (const { id, organization } of partners) {
    const jwks = { keys: [publicPart(await demoKey(home, id))] };
    await registerClient(db, { clientId: id, partner: id, scopes: PARTNER_SCOPES, jwks, ...(organization === undefined ? {} : { organization }) }, true);
  }
}

/** Client id of the operator that is there from the first start on. No partner may be called so. */
export const OPERATOR = 'operator';

/**
 * Gives whoever tries Baton out a key to operate it by, in `<BATON_HOME>/partners/operator.jwk.json`. An operator is no partner: nothing is
 * owned by it, and its tokens open nothing of the FHIR interface.
 */
export async function registerDemoOperator(db: Reader, home: string): Promise<void> {
  const jwks = { keys: [publicPart(await demoKey(home, OPERATOR))] };
  await registerClient(db, { clientId: OPERATOR, partner: OPERATOR, scopes: OPERATOR_SCOPES, jwks }, true);
}
