/**
 * SQL: in which life the database server is, as text: another one after every crash, the same after an orderly stop. PostgreSQL
 * (15 and later) begins its statistics anew whenever it recovers, and only then does it forget what was committed lazily.
 *
 * Whoever keeps in memory how far they are must not go on in another life than the one they came so far in: this process may
 * survive a crash of the server that took back what was done.
 */
export const LIFE = `(SELECT coalesce(extract(epoch FROM stats_reset)::text, '') FROM pg_stat_bgwriter)`;

/** The server crashed since the position behind a batch was learnt: what came before it may be undone, so it must not go on from there. */
export class Forgotten extends Error {
  constructor() {
    super('The database has recovered from a crash: positions are learnt anew');
  }
}
