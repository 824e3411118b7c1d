import { crashPoint } from '@baton/kernel';
import { sqlState, statement, type Reader } from '@baton/postgres';
import { auditFragment, type AuditEntry } from './audit.js';

interface Waiting {
  readonly entries: readonly AuditEntry[];
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

const ROWS_AT_MOST = 500;

/**
 * Writes the entries of reads, several reads in one INSERT. A read awaits {@link record} before it answers: what was not
 * audited is not shown.
 *
 * An entry that finds no insert under way goes out in the same turn of the event loop; one that does waits for its end,
 * but for 5 ms at most. So a lone read pays one round trip, and many at once share them.
 */
export class AuditGatherer {
  private waiting: Waiting[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private scheduled = false;

  constructor(
    private readonly db: Reader,
    private readonly gatherMs = 5,
  ) {}

  /** @returns once the entries are committed. @throws what the database said, when they could not be written */
  record(entries: readonly AuditEntry[]): Promise<void> {
    if (entries.length === 0) return Promise.resolve();
    return new Promise((done, failed) => {
      this.waiting.push({ entries, done, failed });
      this.schedule();
    });
  }

  /** Waits until everything gathered so far is written. */
  async drain(): Promise<void> {
    while (this.waiting.length > 0 || this.underWay.size > 0) {
      this.flush();
      await Promise.all(this.underWay);
    }
  }

  private schedule(): void {
    if (this.underWay.size > 0) {
      this.timer ??= setTimeout(() => this.flush(), this.gatherMs);
    } else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => this.flush());
    }
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.scheduled = false;
    const batch = this.takeBatch();
    if (batch.length === 0) return;
    const insert = this.insert(batch).finally(() => {
      this.underWay.delete(insert);
      if (this.waiting.length > 0) this.flush();
    });
    this.underWay.add(insert);
    if (this.waiting.length > 0) this.flush();
  }

  private takeBatch(): Waiting[] {
    let rows = 0;
    let count = 0;
    for (const { entries } of this.waiting) {
      if (count > 0 && rows + entries.length > ROWS_AT_MOST) break;
      rows += entries.length;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private async insert(batch: readonly Waiting[]): Promise<void> {
    try {
      await writeAudit(this.db, batch.flatMap((one) => one.entries));
      batch.forEach((one) => one.done());
    } catch (error) {
      // A row the database cannot take must not fail the reads that merely shared its statement.
      if (batch.length > 1 && isAboutData(error)) await Promise.all(batch.map((one) => this.insert([one])));
      else batch.forEach((one) => one.failed(error));
    }
  }
}

/** Writes entries in a transaction of their own: for refusals, whose own transaction was rolled back. */
export async function writeAudit(db: Reader, entries: readonly AuditEntry[]): Promise<void> {
  const { sql, values } = auditFragment(entries);
  await db.query(statement(sql), values);
  crashPoint('audit.entries-written');
}

/** SQLSTATE classes 22 (data exception) and 23 (integrity violation). */
const isAboutData = (error: unknown): boolean => /^2[23]/.test(sqlState(error) ?? '');
