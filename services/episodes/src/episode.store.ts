import { created, type Put } from '@baton/fhir-store';
import { statement, type Fragment, type Reader, type Tx } from '@baton/postgres';
import type { Audited } from '@baton/access';
import { newEpisodeOfCare } from './episode.fhir.js';
import type { Episode, EpisodeDecision } from './episode.js';

/** The id of a referral's episode, if it was opened. */
export async function episodeOfReferral(from: Reader, referral: string): Promise<string | undefined> {
  const [row] = await from.query<{ episode: string }>(statement(`SELECT episode FROM episodes.episode WHERE referral = $1`), [referral]);
  return row?.episode;
}

const LOCK_OPENING = statement(`SELECT pg_advisory_xact_lock(hashtextextended('baton episode of ' || $1::text, 0))`);

/**
 * Settles who opens the episode of a referral: whoever comes second waits here until the first has committed, and then
 * finds it open.
 *
 * @returns the id if it is open by now; nothing: the caller opens it, in this transaction
 */
export async function lockOpening(tx: Tx, referral: string): Promise<string | undefined> {
  // Two statements, in one flight: the second begins once the lock is held, and its snapshot is younger.
  const [, id] = await Promise.all([tx.query(LOCK_OPENING, [referral]), episodeOfReferral(tx, referral)]);
  return id;
}

/** The row, the resource and the audit entry of an episode that is opened. */
export function opened({ episode }: EpisodeDecision, since: Date, now: Date): { row: Fragment; put: Put; audited: Audited } {
  const { id, referral, patient, owner, status, version } = episode;
  return {
    row: { sql: `INSERT INTO episodes.episode (referral, episode, owner, status, version, opened_at) VALUES ($1, $2, $3, $4, $5, $6)`, values: [referral, id, owner, status, version, since] },
    put: created({ id, resource: newEpisodeOfCare(episode, since), owner, patient, context: referral, now }),
    audited: { interaction: 'create', resources: [`EpisodeOfCare/${id}/_history/1`], owners: [owner], patient },
  };
}

/** The row of an episode that was changed. */
export const changed = ({ referral, status, version }: Episode): Fragment => ({
  sql: `UPDATE episodes.episode SET status = $2, version = $3 WHERE referral = $1`,
  values: [referral, status, version],
});

/** Whether a contact of the referral is there that was neither cancelled nor an error. */
export async function hadContact(from: Reader, referral: string): Promise<boolean> {
  const rows = await from.query(
    statement(`SELECT 1 FROM episodes.resource WHERE type = 'Encounter' AND context = $1 AND NOT deleted AND body ->> 'status' NOT IN ('cancelled', 'entered-in-error') LIMIT 1`),
    [referral],
  );
  return rows.length > 0;
}
