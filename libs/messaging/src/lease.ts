import { crashPoint } from '@baton/kernel';
import { type Database, perSchema, type Schema } from '@baton/postgres';

const take = perSchema(
  (schema) => `UPDATE ${schema}.relay_lease SET holder = $1::uuid, epoch = epoch + (holder IS DISTINCT FROM $1::uuid)::int, until = clock_timestamp() + $2::int * interval '1 ms'
    WHERE holder = $1::uuid OR until < clock_timestamp() RETURNING epoch::float8 AS epoch`,
);
const giveBack = perSchema((schema) => `UPDATE ${schema}.relay_lease SET until = '-infinity', holder = NULL WHERE holder = $1::uuid`);

/**
 * The right to relay a schema's outbox, for a while, renewed in the background. Whoever gets it after another gets a
 * higher epoch; statements that must not come from a late leader name theirs. Whether it is still held is judged by this
 * machine's own steady clock, from before the database was asked: never longer than the database thinks.
 */
export class Lease {
  private current: { epoch: number; until: number } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private released = false;
  private asked: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
    readonly holder: string,
    private readonly ttl: number,
  ) {}

  /** The epoch, as long as the lease is surely held. */
  get epoch(): number | undefined {
    return this.current && performance.now() < this.current.until ? this.current.epoch : undefined;
  }

  /** Takes or renews it. @returns the epoch, or undefined while another holds it */
  take(): Promise<number | undefined> {
    const taking = this.ask();
    // Giving it back must come behind: else what is on its way would take it again for somebody who is gone.
    this.asked = Promise.allSettled([this.asked, taking]).then(() => undefined);
    return taking;
  }

  private async ask(): Promise<number | undefined> {
    const asked = performance.now();
    const [row] = await this.database.query<{ epoch: number }>(take(this.schema), [this.holder, this.ttl]);
    crashPoint('lease.taken');
    if (this.released) return undefined;
    this.current = row && { epoch: row.epoch, until: asked + this.ttl };
    if (this.current) this.timer ??= setInterval(() => void this.renew(), this.ttl / 3).unref();
    else this.forget();
    return this.epoch;
  }

  /** It turned out to belong to another. */
  forget(): void {
    this.current = undefined;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Lets the next one have it at once, for good. */
  async release(): Promise<void> {
    this.released = true;
    this.forget();
    await this.asked;
    await this.database.query(giveBack(this.schema), [this.holder]);
    crashPoint('lease.released');
  }

  private async renew(): Promise<void> {
    // A failed renewal is not an end: the lease simply runs out unless a later one succeeds.
    await this.take().catch(() => undefined);
  }
}
