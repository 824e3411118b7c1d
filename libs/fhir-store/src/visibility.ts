import { BATON, type Caller } from '@baton/kernel';

/**
 * Who sees a resource (design, "Who sees"), as a SQL predicate and never as a filter afterwards: the partner that owns it,
 * and recipients with an access row that consent materialised. Directory types are readable by every partner.
 *
 * `statement_timestamp()` bounds the validity: `now()` would still be the moment before a lock was waited for.
 *
 * @param row alias of a row with type, id, owner, patient, category and context (`resource_v1`, `history_v1` or the tables)
 * @param caller placeholder that carries the caller's partner id, e.g. `$1`
 */
export const seenBy = (row: string, caller: string): string => `(
      ${row}.owner = ${caller}
      OR ${row}.category = 'directory'
      OR EXISTS (
        SELECT 1 FROM consent.effective_access_v1 access
        WHERE access.patient = ${row}.patient
          AND access.recipient = ${caller}
          AND coalesce(access.owner, ${row}.owner) = ${row}.owner
          AND (access.item = ${row}.type || '/' || ${row}.id
               OR (access.item IS NULL AND access.category = ${row}.category
                   AND (access.context IS NULL OR access.context = ${row}.context)))
          AND access.valid_from <= statement_timestamp()
          AND (access.valid_until IS NULL OR statement_timestamp() < access.valid_until)))`;

/**
 * The predicate for a caller: {@link seenBy}, or everything for Baton itself, which acts on events and clocks and
 * answers nobody. The placeholder is used in both, so that the values stay the same.
 */
export const visible = (who: Caller, row: string, caller: string): string => (who.partner === BATON ? `(${caller}::text IS NOT NULL)` : seenBy(row, caller));
