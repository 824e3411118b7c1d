import { setImmediate as nextTurn } from 'node:timers/promises';
import { crashPoint, inTime, newId } from '@baton/kernel';
import type { Ask, Database, Schema } from '@baton/postgres';
import { contiguous } from './contiguity.js';
import { onRing } from './doorbell.js';
import { eventOf, orderKey } from './envelope.js';
import { errorClass } from './failure.js';
import { Lease } from './lease.js';
import { readOutbox, settleOutbox, type OutboxRow, type Sent, type Settled } from './outbox-queue.js';
import { Pulse } from './pulse.js';
import { EventsRefused, type Transport } from './transport.js';

export interface RelayOptions {
  /** Connection of the service whose outbox it is. It may commit lazily: what the database forgets of it is sent once more. */
  readonly database: Database;
  readonly schema: Schema;
  readonly transport: Transport;
  /** Rows per batch. */
  readonly batchSize?: number;
  /** Milliseconds after which a leader that shows no sign of life is replaced. */
  readonly leaseMs?: number;
  /** Called once for each aggregate whose events are held back for more than a second; ids only. */
  readonly report?: (held: HeldBack) => void;
  /** Called at the first failure of several in a row, with its class: nothing moves until it passes. */
  readonly failed?: (error: string) => void;
}

/** An event that may not go because its predecessor is missing, because its version was sent before, or because the transport refuses it. */
export interface HeldBack {
  readonly topic: string;
  readonly key: string;
  readonly version: number;
  /** Last version of the aggregate that was sent. */
  readonly sent: number;
  /** Why the transport refuses it, or one before it; in words of the transport. */
  readonly refused?: string;
}

export interface RelayStatus {
  readonly leading: boolean;
  /** Events sent by this instance. */
  readonly sent: number;
  /** Aggregates held back at the last look. Anything but 0 that stays is an alarm. */
  readonly heldBack: number;
  /** Milliseconds since the oldest event in the outbox that is not sent was written; 0 when there was none at the last look. */
  readonly outboxAgeMs: number;
  /** Milliseconds from the outbox row to the transport's acknowledgement, of the newest event sent. */
  readonly publishLatencyMs: number;
  /** Times the removal of a batch was refused because another leader had taken over, or the database had crashed. */
  readonly fenced: number;
  /** Failures in a row; above 0 it is backing off. */
  readonly failing: number;
}

/** While it works off a long outbox the relay looks at its start this often, in milliseconds. */
const LOOK_BACK_MS = 50;
const REPORT_AFTER_MS = 1000;
/** What was sent is removed with the next look, or by itself after so many milliseconds. */
const SETTLE_WITHIN_MS = 50;
/** A key of which the transport refused an event is tried again after so many milliseconds, then after twice as many, … at most. */
const REFUSED_FOR_MS = { first: 1000, longest: 60_000 };
/** A relay that stops waits so long for the batch in hand, in milliseconds: without an acknowledgement another one sends it again. */
const HANDS_OVER_WITHIN_MS = 3000;

/** What came of a batch. */
interface Published {
  readonly sent: readonly OutboxRow[];
  readonly refused: readonly OutboxRow[];
  /** The rows that come next, if they were read meanwhile. */
  readonly next?: readonly OutboxRow[] | undefined;
}

const NOTHING: Published = { sent: [], refused: [] };

/** A key that waits since the transport refused an event of it. */
interface Shut {
  readonly why: string;
  readonly times: number;
  readonly until: number;
}

/**
 * Carries a schema's outbox to the transport: one leader per schema, in the order of the sequence, and of each aggregate
 * only what follows without a gap. A row is removed when the transport has acknowledged it, so a row that is committed
 * late, with a low number, is found whenever it comes. An event that the transport refuses stays, and its key waits behind it; all others go on.
 * No transaction is open while the transport is called. Removing goes out in
 * one flight with the next look, in front of it; of a long outbox that flight is on its way while the batch in hand is being acknowledged.
 */
export class Relay {
  private readonly lease: Lease;
  private readonly pulse = new Pulse();
  private held = new Map<string, { since: number; reported: boolean }>();
  private readonly shut = new Map<string, Shut>();
  private running: Promise<void> | undefined;
  private unhook: (() => void) | undefined;
  private stopping = false;
  private after = '0';
  private lookedAtStart = 0;
  /** The last look began at the start and reached the end. */
  private sawAll = false;
  private oldest: Date | undefined;
  private sent: Sent | undefined;
  /** Rows that were read while those before them were sent, and under which lease. */
  private ahead: { readonly epoch: number; readonly rows: readonly OutboxRow[] } | undefined;
  private counts = { sent: 0, publishLatencyMs: 0, fenced: 0, failing: 0 };

  constructor(private readonly options: RelayOptions) {
    this.lease = new Lease(options.database, options.schema, newId(), options.leaseMs ?? 3000);
  }

  /** Works until it is stopped. */
  start(): this {
    this.unhook ??= onRing(`outbox.${this.options.schema}`, () => this.wake());
    this.running ??= this.run();
    return this;
  }

  /** There may be something in the outbox: look now. */
  wake(): void {
    this.pulse.ring();
  }

  status(): RelayStatus {
    return {
      leading: this.lease.epoch !== undefined,
      heldBack: this.held.size,
      outboxAgeMs: this.oldest ? Math.max(0, Date.now() - this.oldest.getTime()) : 0,
      ...this.counts,
    };
  }

  /** Finishes the batch in hand, if that does not take too long, and gives the lease back. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.unhook?.();
    this.pulse.stop();
    await inTime(HANDS_OVER_WITHIN_MS, this.running).catch(() => undefined);
    await this.settle().catch(() => undefined);
    await this.lease.release().catch(() => undefined);
  }

  /**
   * One look at the outbox: takes the lease if it is free, sends one batch, removes it.
   * @returns how many events were sent; 0 also when another instance leads
   * @throws what the transport or the database threw; nothing was removed then
   */
  async pass(): Promise<number> {
    const sent = await this.look();
    return (await this.settle()) ? sent : 0;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      this.pulse.look();
      try {
        const sent = await this.look();
        this.counts.failing = 0;
        if (sent > 0) this.pulse.worked();
        // The end was reached: whoever commits from now on rings.
        if (this.after === '0' && !this.ahead) {
          if (sent > 0) await this.pulse.gather();
          if (this.sent && !(await this.pulse.rings(SETTLE_WITHIN_MS))) await this.settle();
          await this.pulse.rest();
        }
      } catch (error) {
        // Broker or database away: the rows stay where they are.
        if (this.counts.failing === 0) this.options.failed?.(errorClass(error));
        await this.pulse.backOff(this.counts.failing++);
      }
    }
  }

  /** Removes what was sent before, reads and sends. @returns how many events were sent */
  private async look(): Promise<number> {
    const epoch = this.lease.epoch ?? (await this.lease.take());
    if (epoch === undefined) return this.follow();
    crashPoint('relay.claimed');
    const { ahead } = this;
    this.ahead = undefined;
    const rows = ahead?.epoch === epoch ? ahead.rows : await this.read();
    if (this.lease.epoch !== epoch) return 0;
    const { waiting, free } = this.withoutShut(rows);
    const { send, held } = contiguous(free);
    const { sent, refused, next } = send.length > 0 ? await this.publish(send) : NOTHING;
    this.ahead = next && { epoch, rows: following(sent, next) };
    if (sent.length > 0) {
      // What the look ahead could not remove is removed with these.
      const before = this.sent?.epoch === epoch ? this.sent : undefined;
      this.sent = { holder: this.lease.holder, epoch, life: before?.life ?? sent[0]!.life, rows: [...(before?.rows ?? []), ...sent] };
    }
    const stay = [...waiting, ...held, ...refused];
    if (this.sawAll && send.length > 0) this.oldest = stay.reduce<Date | undefined>((oldest, { time }) => (oldest && oldest < time ? oldest : time), undefined);
    this.noteHeld(sent, stay);
    return sent.length;
  }

  /** Keys of which an event was refused a short while ago wait. */
  private withoutShut(rows: readonly OutboxRow[]): { waiting: readonly OutboxRow[]; free: readonly OutboxRow[] } {
    if (this.shut.size === 0) return { waiting: [], free: rows };
    const now = performance.now();
    const { waiting = [], free = [] } = Object.groupBy(rows, (row) => ((this.shut.get(orderKey(row))?.until ?? now) > now ? 'waiting' : 'free'));
    return { waiting, free };
  }

  /** Another instance leads: what was seen of the outbox before is not for this one to tell any more. */
  private follow(): 0 {
    this.oldest = undefined;
    this.held = new Map();
    return 0;
  }

  /** The next rows; from the start again when the end was reached, and for one look every while, since late commits may lie there. */
  private async read(fromStart = this.looksBack()): Promise<OutboxRow[]> {
    const { schema, batchSize: limit = 500 } = this.options;
    if (fromStart) this.lookedAtStart = performance.now();
    const rows = await this.settleAndRead(readOutbox(schema, fromStart ? '0' : this.after, limit));
    if (fromStart) this.oldest = rows[0]?.time;
    this.sawAll = fromStart && rows.length < limit;
    if (rows.length < limit) this.after = '0';
    else if (BigInt(rows.at(-1)!.seq) > BigInt(this.after)) this.after = rows.at(-1)!.seq;
    return rows;
  }

  private looksBack(): boolean {
    return this.after === '0' || performance.now() - this.lookedAtStart > LOOK_BACK_MS;
  }

  private async settleAndRead(wanted: Ask): Promise<OutboxRow[]> {
    const { database, schema } = this.options;
    if (!this.sent) return database.query<OutboxRow>(...wanted);
    const [answer, rows] = await database.inOrder<[Settled, OutboxRow]>(settleOutbox(schema, this.sent), wanted);
    return this.settled(answer) ? rows : [];
  }

  /** Removes what was sent. @returns false when another leader has taken over, or the database has crashed: nothing was removed then */
  private async settle(): Promise<boolean> {
    if (!this.sent) return true;
    return this.settled(await this.options.database.query<Settled>(...settleOutbox(this.options.schema, this.sent)));
  }

  private settled([answer]: readonly Settled[]): boolean {
    const count = this.sent!.rows.length;
    this.sent = undefined;
    if (answer?.mine !== 1) {
      // What this one knows of the outbox does not count any more: it is read from its start.
      this.lease.forget();
      this.ahead = undefined;
      this.after = '0';
      this.counts.fenced++;
      return false;
    }
    crashPoint('relay.cursor-moved');
    this.counts.sent += count;
    return true;
  }

  /** Sends, and of a long outbox reads meanwhile what comes next. @returns that too, if it was read @throws what the transport threw */
  private async publish(send: readonly OutboxRow[]): Promise<Published> {
    const acknowledged = this.options.transport.publish(send.map(eventOf)).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof EventsRefused) return error;
        throw error;
      },
    );
    acknowledged.catch(() => undefined);
    await nextTurn();
    crashPoint('relay.sent');
    // From its start the outbox is read when what was sent has been removed.
    const [answer, next] = await Promise.allSettled([acknowledged, this.looksBack() ? undefined : this.read(false)]);
    if (answer.status === 'rejected') throw answer.reason;
    crashPoint('relay.acknowledged');
    this.counts.publishLatencyMs = Math.max(0, Date.now() - send.at(-1)!.time.getTime());
    const { sent = [], refused = [] } = divided(send, answer.value);
    if (this.shut.size > 0) for (const row of sent) this.shut.delete(orderKey(row));
    for (const key of new Set(refused.map(orderKey))) this.shutKey(key, answer.value!.why);
    return { sent, refused, next: next.status === 'fulfilled' ? next.value : undefined };
  }

  private shutKey(key: string, why: string): void {
    const times = (this.shut.get(key)?.times ?? 0) + 1;
    this.shut.set(key, { why, times, until: performance.now() + Math.min(REFUSED_FOR_MS.first * 2 ** (times - 1), REFUSED_FOR_MS.longest) });
  }

  private noteHeld(send: readonly OutboxRow[], held: readonly OutboxRow[]): void {
    const still = new Map(this.sawAll ? [] : this.held);
    for (const row of send) still.delete(orderKey(row));
    for (const row of held) {
      const seen = this.held.get(orderKey(row)) ?? { since: performance.now(), reported: false };
      still.set(orderKey(row), seen);
      if (seen.reported || performance.now() - seen.since < REPORT_AFTER_MS) continue;
      seen.reported = true;
      const why = this.shut.get(orderKey(row))?.why;
      this.options.report?.({ topic: row.topic, key: row.key, version: row.version, sent: row.sent, ...(why === undefined ? {} : { refused: why }) });
    }
    this.held = still;
  }
}

function divided(send: readonly OutboxRow[], answer: EventsRefused | undefined): Partial<Pick<Published, 'sent' | 'refused'>> {
  if (!answer) return { sent: send };
  const ids = new Set(answer.refused.map(({ id }) => id));
  return Object.groupBy(send, ({ event_id: id }) => (ids.has(id) ? 'refused' : 'sent'));
}

/** Rows that were read before it was noted that others had been sent. */
function following(sent: readonly OutboxRow[], rows: readonly OutboxRow[]): OutboxRow[] {
  const newest = new Map(sent.map((row) => [orderKey(row), row.version]));
  return rows.map((row) => ({ ...row, sent: Math.max(row.sent, newest.get(orderKey(row)) ?? 0) }));
}
