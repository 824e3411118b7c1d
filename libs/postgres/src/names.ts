/** Services that own a PostgreSQL schema and a login role of their own. */
export const SCHEMAS = ['audit', 'consent', 'directory', 'episodes', 'gateway', 'notifications', 'referrals'] as const;

export type Schema = (typeof SCHEMAS)[number];

/** The login role that owns a schema: its only writer. */
export const roleOf = (schema: Schema): string => `baton_${schema}`;
