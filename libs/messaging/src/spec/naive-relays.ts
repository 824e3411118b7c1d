import type { BatonEvent } from '@baton/contracts';
import { statement, type Database } from '@baton/postgres';
import { EVENT_COLUMNS, eventOf, type EventRow } from '../envelope.js';

/**
 * Recipes for an outbox relay that are often seen and that lose or reorder events. Kept so that the specs which the real
 * relay passes are seen to fail on them.
 */

type Publish = (events: readonly BatonEvent[]) => Promise<void>;
type Workers = { workers: readonly [() => Promise<unknown>, () => Promise<unknown>]; stop: () => Promise<void> };

interface Row extends EventRow {
  seq: string;
  xid: string;
}

const columns = `seq::text AS seq, xmin::text AS xid, ${EVENT_COLUMNS}`;
const byNumber = statement(`SELECT ${columns} FROM referrals.outbox WHERE seq > $1::bigint ORDER BY seq`);
const belowHorizon = statement(
  `SELECT ${columns} FROM referrals.outbox WHERE seq > $1::bigint AND xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY seq`,
);
const byXid = statement(
  `SELECT ${columns} FROM referrals.outbox WHERE xmin::text::bigint > $1::bigint AND xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xmin::text::bigint, seq`,
);
const lockOne = statement(`SELECT ${columns} FROM referrals.outbox ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED`);
const removeOne = statement(`DELETE FROM referrals.outbox WHERE seq = $1::bigint`);

const nothing = async (): Promise<void> => undefined;

function cursor(read: typeof byNumber, position: (row: Row) => string) {
  return (database: Database, publish: Publish): Workers => {
    let last = '0';
    const look = async (): Promise<void> => {
      const rows = await database.query<Row>(read, [last]);
      if (rows.length === 0) return;
      await publish(rows.map(eventOf));
      last = position(rows.at(-1)!);
    };
    return { workers: [look, look], stop: nothing };
  };
}

export const naiveRelays = {
  cursorByNumber: cursor(byNumber, (row) => row.seq),
  numberBelowHorizon: cursor(belowHorizon, (row) => row.seq),
  byTransactionId: cursor(byXid, (row) => row.xid),
  skipLocked: (database: Database, publish: Publish): Workers => {
    const look = (): Promise<void> =>
      database.transaction(async (tx) => {
        const [row] = await tx.query<Row>(lockOne);
        if (!row) return;
        await publish([eventOf(row)]);
        await tx.query(removeOne, [row.seq]);
      });
    return { workers: [look, look], stop: nothing };
  },
} as const;
