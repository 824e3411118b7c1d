import { crashPoint } from '@baton/kernel';
import { statement, type Reader, type Statement } from '@baton/postgres';
import { auditFragment, type AuditEntry } from './audit.js';
import { Gatherer } from './gatherer.js';

const ROWS_AT_MOST = 500;

/**
 * Writes the entries of disclosures, several in one INSERT. Whoever discloses awaits {@link record} before it answers: what
 * was not audited is not shown.
 */
export class AuditGatherer {
  private readonly gatherer: Gatherer<readonly AuditEntry[], void>;

  constructor(db: Reader, waitMs?: number) {
    this.gatherer = new Gatherer(
      async (batch): Promise<void[]> => {
        await writeAudit(db, batch.flat());
        return [];
      },
      { rowsAtMost: ROWS_AT_MOST, rowsOf: (entries) => entries.length, ...(waitMs === undefined ? {} : { waitMs }) },
    );
  }

  /** @returns once the entries are committed. @throws what the database said, when they could not be written */
  record(entries: readonly AuditEntry[]): Promise<void> {
    return entries.length === 0 ? Promise.resolve() : this.gatherer.add(entries);
  }

  /** Waits until everything gathered so far is written. */
  drain(): Promise<void> {
    return this.gatherer.drain();
  }
}

/** Writes entries in a transaction of their own: for refusals, whose own transaction was rolled back. */
export async function writeAudit(db: Reader, entries: readonly AuditEntry[]): Promise<void> {
  const { sql, values } = auditFragment(entries);
  await audited(db, statement(sql), values);
}

/** Runs a statement that writes audit entries in a transaction of its own, which is committed when this resolves. @returns its rows */
export async function audited<Row extends object>(db: Reader, what: Statement, values: readonly unknown[]): Promise<Row[]> {
  const rows = await db.query<Row>(what, values);
  crashPoint('audit.entries-written');
  return rows;
}
