import { crashPoint } from '@baton/kernel';
import { statement, type Database, type Schema } from '@baton/postgres';
import { onRing, ring, type Bell } from './doorbell.js';

const say = statement(`SELECT pg_notify(channel, '') FROM unnest($1::text[]) AS channel`);

const channelOf = (bell: Bell): string => `baton_${bell.replace('.', '_')}`;

/** Between whom hints go to and fro. */
export interface Hints {
  /** Schemas whose outboxes are written here. */
  readonly writes: readonly Schema[];
  /** Schemas whose outboxes are relayed here. */
  readonly relays: readonly Schema[];
  /** Schemas whose events are consumed here; of use where the log is in PostgreSQL. */
  readonly consumes: readonly Schema[];
}

/**
 * Where several processes work on one database: what is written here is told to the others, what they wrote or appended is heard.
 * @returns how to stop
 */
export async function exchangeHints(database: Database, { writes, relays, consumes }: Hints): Promise<() => Promise<void>> {
  const silence = announceOutbox(database, writes);
  const deafen = await hearOthers(database, { outbox: relays, log: consumes });
  return async () => {
    silence();
    await deafen();
  };
}

/**
 * Tells the other processes that something was written to these schemas' outboxes, outside of any transaction and at
 * most one message at a time: many commits become one. For processes that run commands of a service whose relay runs elsewhere.
 * @returns how to stop
 */
export function announceOutbox(database: Database, schemas: readonly Schema[]): () => void {
  const due = new Set<Bell>();
  let speaking = false;
  const speak = async (): Promise<void> => {
    if (speaking) return;
    speaking = true;
    while (due.size > 0) {
      const channels = [...due].map(channelOf);
      due.clear();
      // A hint lost costs latency only.
      await database.query(say, [channels]).catch(() => undefined);
      crashPoint('outbox.announced');
    }
    speaking = false;
  };
  const stops = schemas.map((schema) =>
    onRing(`outbox.${schema}`, (from) => {
      if (from === 'elsewhere') return;
      due.add(`outbox.${schema}`);
      void speak();
    }),
  );
  return () => stops.forEach((stop) => stop());
}

/**
 * Hears from other processes, on a connection of its own, that there is something in outboxes or logs, and rings the
 * bells here. When the connection breaks it is made anew; until then polling finds the work.
 * @returns how to stop
 */
export async function hearOthers(database: Database, schemas: { readonly outbox?: readonly Schema[]; readonly log?: readonly Schema[] }): Promise<() => Promise<void>> {
  const bells: Bell[] = [...(schemas.outbox ?? []).map((schema): Bell => `outbox.${schema}`), ...(schemas.log ?? []).map((schema): Bell => `log.${schema}`)];
  const ear = new Ear(database, new Map(bells.map((bell) => [channelOf(bell), bell])));
  await ear.open();
  return () => ear.close();
}

class Ear {
  private stop: (() => Promise<void>) | undefined;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly database: Database,
    private readonly bells: ReadonlyMap<string, Bell>,
  ) {}

  async open(): Promise<void> {
    const { client, release } = await this.database.dedicated();
    const hear = ({ channel }: { channel: string }): void => {
      const bell = this.bells.get(channel);
      if (bell) ring(bell, 'elsewhere');
    };
    const lost = (): void => {
      void this.stop?.().catch(() => undefined);
      this.openLater();
    };
    client.on('notification', hear);
    client.once('error', lost).once('end', lost);
    this.stop = async () => {
      this.stop = undefined;
      client.off('notification', hear).off('error', lost).off('end', lost);
      await client.query('UNLISTEN *').catch(() => undefined);
      await release();
    };
    await client.query([...this.bells.keys()].map((channel) => `LISTEN ${channel}`).join('; '));
    // What was said before this connection listened.
    for (const bell of this.bells.values()) ring(bell, 'elsewhere');
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    await this.stop?.();
  }

  private openLater(): void {
    if (this.closed || this.retry) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.open().catch(() => this.openLater());
    }, 1000);
  }
}
