import { audited, auditOfRows, Gatherer } from '@baton/access';
import type { Caller } from '@baton/kernel';
import { statement, type Reader, type Statement } from '@baton/postgres';
import { schemaOf } from './reading.js';
import type { StoredRow } from './rows.js';
import { seenBy } from './visibility.js';

/** What a read shows of a row. */
export type ReadRow = Pick<StoredRow, 'type' | 'version' | 'owner' | 'category' | 'last_updated' | 'deleted' | 'body'>;

interface Asked {
  readonly caller: Caller;
  readonly id: string;
}

/** Reads in one statement at most. */
const READS_AT_MOST = 64;

/**
 * Reads of present versions, for callers who are shown what is found: the statement that asks whether the caller may see a
 * row also writes that it was shown. Reads of one moment share it, each caller's own.
 */
export class DisclosedReads {
  private readonly gatherer: Gatherer<Asked, ReadRow | undefined>;
  private readonly statement: Statement;

  constructor(
    private readonly db: Reader,
    private readonly type: string,
  ) {
    this.gatherer = new Gatherer((batch) => this.readAll(batch), { rowsAtMost: READS_AT_MOST });
    this.statement = disclosing(type);
  }

  /**
   * The present version of a resource, if the caller may see it. The answer for what is hidden and for what never was is
   * the same, by the same statement.
   *
   * @returns the row, once its audit entry is committed; a tombstone (`deleted`), which shows nothing and leaves no entry; or nothing
   */
  read(caller: Caller, id: string): Promise<ReadRow | undefined> {
    return this.gatherer.add({ caller, id });
  }

  private async readAll(batch: readonly Asked[]): Promise<(ReadRow | undefined)[]> {
    const answers: (ReadRow | undefined)[] = [];
    const callers = Map.groupBy(batch.keys(), (place) => `${batch[place]!.caller.partner}\n${batch[place]!.caller.client}`);
    await Promise.all(
      [...callers.values()].map(async (places) => {
        const rows = await this.readFor(places.map((place) => batch[place]!));
        for (const { place, ...row } of rows) answers[places[place - 1]!] = { type: this.type, ...row };
      }),
    );
    return answers;
  }

  /** @param asked by one caller */
  private readFor(asked: readonly Asked[]): Promise<(Omit<ReadRow, 'type'> & { place: number })[]> {
    const { caller } = asked[0]!;
    return audited(this.db, this.statement, [
      caller.partner,
      this.type,
      caller.client,
      asked.map(({ id }) => id),
      asked.map(({ caller: { requestId } }) => requestId),
      asked.map(({ caller: { correlationId } }) => correlationId),
    ]);
  }
}

/** `$1` partner, `$2` type, `$3` client; `$4` ids, `$5` request ids, `$6` correlation ids: one of each for a read. */
function disclosing(type: string): Statement {
  // OFFSET 0 keeps the lookups one by one: how much an array holds is unknown to the planner, which might read the whole table.
  return statement(`WITH seen AS (
      SELECT asked.place, asked.request, asked.correlation, r.* FROM unnest($4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS asked(id, request, correlation, place)
      CROSS JOIN LATERAL (SELECT r.type, r.id, r.version, r.owner, r.patient, r.category, r.last_updated, r.deleted, r.body FROM ${schemaOf(type)}.resource_v1 r
        WHERE r.type = $2 AND r.id = asked.id AND ${seenBy('r', '$1')} OFFSET 0) r
    ), audited AS (
      ${auditOfRows('read', 'seen WHERE NOT deleted', { partner: '$1', client: '$3', requestId: 'request', correlationId: 'correlation' })}
    )
    SELECT place::int, version, owner, category, last_updated, deleted, body::text FROM seen`);
}
