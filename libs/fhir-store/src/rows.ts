/** A resource as the store holds it. Bodies are JSON text: they go out as they came, without being parsed. */
export interface StoredRow {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** Partner id of who owns it. */
  readonly owner: string;
  /** Patient id it is about, if it is about one. */
  readonly patient: string | null;
  readonly category: string;
  /** The referral it belongs to, if any. */
  readonly context: string | null;
  readonly last_updated: Date;
  readonly deleted: boolean;
  /** The whole resource with id and meta, as JSON text. */
  readonly body: string;
}

/** One version in a history. */
export interface VersionRow extends Omit<StoredRow, 'deleted'> {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
}

/** What is shown of a row that was searched for. */
export type FoundRow = Omit<StoredRow, 'context' | 'last_updated' | 'deleted'>;

/** Columns of a FoundRow, from an alias. */
export const foundColumns = (row: string): string => `${row}.type, ${row}.id, ${row}.version, ${row}.owner, ${row}.patient, ${row}.category, ${row}.body::text AS body`;

/** Columns of a StoredRow, from an alias. */
export const storedColumns = (row: string): string =>
  `${row}.type, ${row}.id, ${row}.version, ${row}.owner, ${row}.patient, ${row}.category, ${row}.context, ${row}.last_updated, ${row}.deleted, ${row}.body::text AS body`;

/** Columns of a VersionRow, from an alias. */
export const versionColumns = (row: string): string =>
  `${row}.type, ${row}.id, ${row}.version, ${row}.owner, ${row}.patient, ${row}.category, ${row}.context, ${row}.last_updated, ${row}.method, ${row}.body::text AS body`;
