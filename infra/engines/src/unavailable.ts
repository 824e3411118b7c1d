/** PostgreSQL cannot be run here by Baton itself. The message says why, and what to do instead. */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable';

  /** @param why a clause without a full stop, e.g. `npm did not install it` */
  constructor(why: string, options?: ErrorOptions) {
    super(
      `The embedded PostgreSQL cannot run here: ${why}. ` +
        'Point Baton at a PostgreSQL 18 of your own instead: DATABASE_URL=postgres://user:password@host:5432/database (a superuser, or the owner of that database with CREATEROLE).',
      options,
    );
  }
}
