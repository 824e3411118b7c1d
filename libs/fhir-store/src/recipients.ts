import type { Tx } from '@baton/postgres';
import { statement } from '@baton/postgres';
import { storedColumns, type StoredRow } from './rows.js';
import { seenBy } from './visibility.js';

/** Schemas whose resources partners are told of. */
const TOLD_SCHEMAS = ['consent', 'directory', 'episodes', 'referrals'] as const;

/**
 * The present rows of references as one partner may see them now: a FROM item for statements that ask, render and note in
 * one snapshot (notifications). It yields `place` (1 …), `reference`, `version`, `owner`, `category`, `deleted`, `body` (JSON text); nothing
 * for what is hidden and for what never was.
 *
 * @param references SQL expression of type text[], each `Type/id`
 * @param partner SQL expression: the partner's id
 */
export const seenRows = (references: string, partner: string): string => {
  const branch = (schema: string): string =>
    `SELECT r.version, r.owner, r.category, r.deleted, r.body::text AS body FROM ${schema}.resource_v1 r
      WHERE r.type = split_part(named.reference, '/', 1) AND r.id = split_part(named.reference, '/', 2) AND ${seenBy('r', partner)}`;
  return `(SELECT named.place, named.reference, r.version, r.owner, r.category, r.deleted, r.body
    FROM unnest(${references}) WITH ORDINALITY AS named(reference, place)
    CROSS JOIN LATERAL (${TOLD_SCHEMAS.map(branch).join(' UNION ALL ')}) r)`;
};

const ofReferral = statement(`SELECT ${storedColumns('r')} FROM referrals.resource_v1 r
  WHERE r.patient = $1 AND r.type IN ('ServiceRequest', 'Task') AND (r.context = $2 OR r.id = $2) AND NOT r.deleted`);

/**
 * The ServiceRequest and the Task of a referral as they are now, for Baton's own decisions about an event: nothing of it may be
 * shown to anybody without asking again.
 */
export const referralRows = (tx: Tx, patient: string, referral: string): Promise<StoredRow[]> => tx.query<StoredRow>(ofReferral, [patient, referral]);
