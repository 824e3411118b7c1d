import type { BatonEvent } from '@baton/contracts';
import { newId } from '@baton/kernel';
import type { Database, Schema } from '@baton/postgres';
import { publisherOf } from './envelope.js';
import { GroupMember } from './group-member.js';
import { groupLag, GroupPositions } from './group-positions.js';
import { LogAppender } from './log.js';
import { replayLog } from './log-replay.js';
import { LogTails } from './log-tails.js';
import type { Lag, ReplayRequest, Subscribed, Subscription, Transport } from './transport.js';

export interface PostgresTransportOptions {
  /** The service's own connection, by which it appends to its log: it must commit durably, since what was appended is kept in memory too. */
  readonly database: Database;
  /** The service's own connection for its groups' positions and leases, which may commit lazily. `database` if left out. */
  readonly background?: Database;
  /** The service's schema, made with `logTables` (to publish) and `inboxTables` (to subscribe). */
  readonly schema: Schema;
  /** What the process reads in common; give the same to all services of a process. Made if left out. */
  readonly tails?: LogTails;
  /** Milliseconds after which a member that shows no sign of life loses its partitions. */
  readonly leaseMs?: number;
}

/** The event log in PostgreSQL: the transport of the embedded engines. */
export class PostgresTransport implements Transport {
  private readonly appender: LogAppender;
  private readonly tails: LogTails;
  private readonly members = new Set<GroupMember>();

  constructor(private readonly options: PostgresTransportOptions) {
    this.appender = new LogAppender(options.database, options.schema);
    this.tails = options.tails ?? new LogTails(options.database);
  }

  async publish(events: readonly BatonEvent[]): Promise<void> {
    if (events.length === 0) return;
    const foreign = events.find((event) => publisherOf(event.topic) !== this.options.schema);
    if (foreign) throw new Error(`${this.options.schema} may not publish to ${foreign.topic}`);
    this.tails.offer(this.options.schema, await this.appender.append(events));
  }

  async subscribe(subscription: Subscription): Promise<Subscribed> {
    const { database, background = database, schema } = this.options;
    const ttl = this.options.leaseMs ?? 3000;
    const positions = new GroupPositions(background, schema, { group: subscription.group, topics: subscription.topics, member: newId(), ttl });
    await positions.discover(subscription.topics);
    const member = new GroupMember(subscription, positions, this.tails, ttl);
    this.members.add(member);
    await member.live();
    return {
      status: () => member.status(),
      close: async () => {
        await member.close();
        this.members.delete(member);
      },
    };
  }

  replay(request: ReplayRequest): Promise<number> {
    return replayLog(this.options.database, request);
  }

  lag(group: string): Promise<Lag[]> {
    return groupLag(this.options.database, this.options.schema, group);
  }

  async close(): Promise<void> {
    await Promise.all([...this.members].map((member) => member.close()));
    this.members.clear();
  }
}
