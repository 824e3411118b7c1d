import type { Database, Schema } from '@baton/postgres';
import { publisherOf } from './envelope.js';
import type { LogReader } from './group-member.js';
import { readLog, type Appended, type LogEntry, type Position } from './log.js';
import { SchemaTail } from './schema-tail.js';

/** The logs of all publishers, as one process reads them: each tail once, whatever the number of groups. */
export class LogTails implements LogReader {
  private readonly tails = new Map<Schema, SchemaTail>();
  private turn = 0;

  /** @param database any service's connection: the views are published to all of them */
  constructor(private readonly database: Database) {}

  /** Entries that this process has just appended and committed. */
  offer(schema: Schema, appended: readonly Appended[]): void {
    this.tails.get(schema)?.offer(appended);
  }

  watch(topics: readonly string[], listener: () => void): () => Promise<void> {
    const stops = [...groupBy(topics, publisherOf)].map(([schema, own]) => this.tailOf(schema).watch(own, listener));
    return async () => void (await Promise.all(stops.map((stop) => stop())));
  }

  async read(from: readonly Position[], limit: number): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    const behind: Position[] = [];
    // Another partition first each time: none starves behind a busy one.
    this.turn = (this.turn + 1) % Math.max(from.length, 1);
    for (const at of [...from.slice(this.turn), ...from.slice(0, this.turn)]) {
      if (entries.length >= limit) break;
      const kept = this.tailOf(publisherOf(at.topic)).entries(at.topic, at.partition, at.next, limit - entries.length);
      if (kept) entries.push(...kept);
      else behind.push(at);
    }
    if (entries.length < limit) {
      for (const [schema, positions] of groupBy(behind, (at) => publisherOf(at.topic))) {
        entries.push(...(await readLog(this.database, schema, positions, Math.ceil((limit - entries.length) / behind.length) || 1)));
      }
    }
    return entries.slice(0, limit);
  }

  private tailOf(schema: Schema): SchemaTail {
    let tail = this.tails.get(schema);
    if (!tail) {
      tail = new SchemaTail(this.database, schema);
      this.tails.set(schema, tail);
    }
    return tail;
  }
}

function groupBy<Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
