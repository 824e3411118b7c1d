import { resourceType } from '@baton/contracts';
import { refuse, type Caller } from '@baton/kernel';
import { statement, type Reader, type Tx } from '@baton/postgres';
import { storedColumns, versionColumns, type StoredRow, type VersionRow } from './rows.js';
import { visible } from './visibility.js';

/** Schema that stores a type. @throws a defect, not a refusal, if Baton does not store it: ask `resourceType` first */
export function schemaOf(type: string): string {
  const contract = resourceType(type);
  if (!contract) throw new Error(`Baton stores no ${type}`);
  return contract.schema;
}

/**
 * The present version of a resource, if the caller may see it. The answer for what is hidden and for what never was is
 * the same, by the same statement.
 *
 * @returns the row (`deleted` tells a tombstone), or nothing
 */
export async function read(from: Reader, caller: Caller, type: string, id: string): Promise<StoredRow | undefined> {
  const rows = await from.query<StoredRow>(
    statement(`SELECT ${storedColumns('r')} FROM ${schemaOf(type)}.resource_v1 r WHERE r.type = $2 AND r.id = $3 AND ${visible(caller, 'r', '$1')}`),
    [caller.partner, type, id],
  );
  return rows[0];
}

/** One version of a resource; visibility applies to that version by itself. */
export async function readVersion(from: Reader, caller: Caller, type: string, id: string, version: number): Promise<VersionRow | undefined> {
  const rows = await from.query<VersionRow>(
    statement(
      `SELECT ${versionColumns('h')} FROM ${schemaOf(type)}.history_v1 h WHERE h.type = $2 AND h.id = $3 AND h.version = $4 AND ${visible(caller, 'h', '$1')}`,
    ),
    [caller.partner, type, id, version],
  );
  return rows[0];
}

/**
 * Versions of a resource that the caller may see, newest first.
 *
 * @param before only versions below this one (keyset paging)
 * @param since only versions from this instant on
 */
export async function history(
  from: Reader,
  caller: Caller,
  type: string,
  id: string,
  page: { limit: number; before?: number | undefined; since?: Date | undefined },
): Promise<VersionRow[]> {
  return from.query<VersionRow>(
    statement(
      `SELECT ${versionColumns('h')} FROM ${schemaOf(type)}.history_v1 h
       WHERE h.type = $2 AND h.id = $3 AND h.version < $4 AND h.last_updated >= $5 AND ${visible(caller, 'h', '$1')}
       ORDER BY h.version DESC LIMIT $6`,
    ),
    [caller.partner, type, id, page.before ?? 2_147_483_647, page.since ?? new Date(0), page.limit],
  );
}

/**
 * Locks the present version of a resource of this service for the rest of the transaction, if the caller may see it.
 * Visibility as judged here may be out of date by the time the lock is held: the writing statement asks again.
 */
export async function lock(tx: Tx, caller: Caller, type: string, id: string): Promise<StoredRow | undefined> {
  const rows = await tx.query<StoredRow>(
    statement(
      `SELECT ${storedColumns('r')} FROM ${schemaOf(type)}.resource r WHERE r.type = $2 AND r.id = $3 AND ${visible(caller, 'r', '$1')} FOR UPDATE OF r`,
    ),
    [caller.partner, type, id],
  );
  return rows[0];
}

/** What is said of a resource that does not exist or may not be known; never which of the two. */
export const unknownResource = (type: string) => refuse('unknown', 'resource-unknown', `There is no such ${type}.`);

/** What is said of a resource that was deleted, to those who could see it. */
export const goneResource = (type: string) => refuse('gone', 'resource-deleted', `This ${type} was deleted.`);
