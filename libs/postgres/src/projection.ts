import type { Database } from './database.js';

/**
 * Rows that a service derives from others in the same database, and writes in the same transactions as these. They can be derived again
 * while they are used: key by key, each in a transaction of its own and under the lock that whoever changes it takes.
 */
export interface Projection {
  /** What it is called in the operators' API. */
  readonly name: string;
  /**
   * Derives everything again, and yields after each stretch. Nobody ever sees half of a key: what stands, or what is right.
   * @param mend puts right what differs; otherwise it is only counted
   */
  rebuild(database: Database, mend: boolean): AsyncIterable<Slice>;
}

/** A stretch of keys that were derived again. */
export interface Slice {
  /** Keys that were looked at. */
  readonly looked: number;
  /** Rows that should have been there and were not. */
  readonly missing: number;
  /** Rows that should not have been there and were. */
  readonly surplus: number;
}
