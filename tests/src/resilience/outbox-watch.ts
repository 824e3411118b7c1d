import { setTimeout as sleep } from 'node:timers/promises';
import { EVENTS } from '@baton/contracts';
import { administer, type Administered } from '../durability/administering.js';

const PUBLISHERS = [...new Set(EVENTS.map(({ topic }) => topic.split('.')[1]!))];
const WAITING = `SELECT count(*)::int AS events, coalesce(extract(epoch FROM clock_timestamp() - min(time)), 0)::float8 AS age FROM (${PUBLISHERS.map((schema) => `SELECT time FROM ${schema}.outbox`).join(' UNION ALL ')}) AS waiting`;

/** Looks at the outboxes of all services, past the services, several times a second. */
export class OutboxWatch {
  /** Most events that waited at once. */
  most = 0;
  /** The longest that one had waited, in seconds. */
  oldest = 0;
  /** Events that wait now. */
  now = 0;
  private going = true;
  private constructor(private readonly database: Administered) {
    void this.watch();
  }

  static async open(home: string): Promise<OutboxWatch> {
    return new OutboxWatch(await administer(home));
  }

  /** Waits until nothing waits. @returns false if that takes longer */
  async drained(within: number): Promise<boolean> {
    for (const deadline = Date.now() + within; Date.now() < deadline; await sleep(50)) if (this.now === 0) return true;
    return false;
  }

  async close(): Promise<void> {
    this.going = false;
    await sleep(150);
    await this.database.close();
  }

  private async watch(): Promise<void> {
    for (; this.going; await sleep(100)) {
      const [row] = await this.database.admin<{ events: number; age: number }>(WAITING).catch(() => []);
      if (!row) continue;
      this.now = row.events;
      this.most = Math.max(this.most, row.events);
      this.oldest = Math.max(this.oldest, row.age);
    }
  }
}
