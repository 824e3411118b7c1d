import { setTimeout as sleep } from 'node:timers/promises';
import { eventContract } from '@baton/contracts';
import { crashPoint } from '@baton/kernel';
import type { Database, Schema, Tx } from '@baton/postgres';
import { orderKey, partitionOf } from './envelope.js';
import { errorClass, passes } from './failure.js';
import { admit, isShut, type Admitted } from './inbox.js';
import { Judge, NEWER_MAJOR, type Handlers } from './judge.js';
import { park, shutKey, type Failure } from './parked.js';
import { Parking } from './parking.js';
import type { Lag, MemberStatus, Received, Subscribed, Transport } from './transport.js';

export interface ConsumerOptions {
  /**
   * The consuming service's own connection and schema (made with `inboxTables`). It may commit lazily where the transport says in
   * which life of the database its positions were learnt (PostgresTransport does).
   */
  readonly database: Database;
  readonly schema: Schema;
  readonly transport: Transport;
  /** Name of the consumer: its group, its inbox and its parked events go by it, for good. */
  readonly group: string;
  readonly handlers: Handlers;
  /** Where the handlers' events come from, if not by contract. */
  readonly topics?: readonly string[];
  /** Events per transaction at most. */
  readonly batchSize?: number;
  readonly concurrency?: number;
  /** Keys of a large batch are shared out to so many transactions at a time, each on a connection of its own. Default 3. */
  readonly lanes?: number;
  /** Called when a key is parked, with the event that could not be applied: somebody must look. Ids only. */
  readonly report?: (parked: CannotApply) => void;
  /** Tries of one event before its key is parked. */
  readonly tries?: number;
}

export interface ConsumerStatus extends MemberStatus {
  /** Events that took effect here. */
  readonly handled: number;
  /** Deliveries of events that had taken effect before. */
  readonly duplicates: number;
  /** Events that were put behind a parked key here, the failed ones included. */
  readonly parked: number;
  /** Events of a type nobody here handles; they are skipped. */
  readonly unknown: number;
  /** Events of a newer major version than is handled here; they are among those parked. */
  readonly newerMajor: number;
  /** Milliseconds from the outbox row to the commit of the effect, of the newest event handled. */
  readonly latencyMs: number;
}

/** An event that could not be applied; it and what follows of its key waits. */
export interface CannotApply {
  readonly topic: string;
  readonly key: string;
  readonly eventId: string;
  readonly type: string;
  /** Class of the error: its text may hold what nobody should read. */
  readonly error: string;
  readonly attempts: number;
}

/** A stretch of time: from a moment on, and before another one; up to what is there, if left out. */
export interface Stretch {
  readonly since: Date;
  readonly until?: Date | undefined;
}

/** Events that are handled in one transaction, and the life of the database in which the position behind them was learnt. */
interface Batch {
  readonly events: readonly Received[];
  readonly life: string | undefined;
}

interface Done {
  readonly handled: number;
  readonly parked: number;
}

/** Rolls a transaction back that took its events for fresh. */
class NotAllFresh extends Error {}

const TRIES = 3;
const LANES = 3;
const EVENTS_PER_LANE = 8;
const TRY_AGAIN_MS = 20;

/** Starts to consume: each event takes effect once, in order per aggregate, with its inbox row in one transaction. */
export async function consume(options: ConsumerOptions): Promise<Consumer> {
  const consumer = new Consumer(options);
  await consumer.join();
  return consumer;
}

/** A service's consumer of events. */
export class Consumer {
  private membership: Subscribed | undefined;
  /** Something of the last batch had come before, or was parked: so it goes in stretches. */
  private repeating = false;
  private readonly counts = { handled: 0, duplicates: 0, parked: 0, unknown: 0, newerMajor: 0, latencyMs: 0 };

  /** What it could not apply, through its own connection. */
  readonly parking: Parking;
  private readonly judge: Judge;

  constructor(private readonly options: ConsumerOptions) {
    this.parking = new Parking(options);
    this.judge = new Judge(options.handlers);
  }

  async join(): Promise<void> {
    const { group, transport, batchSize = 200, concurrency = 1 } = this.options;
    this.membership = await transport.subscribe({
      group,
      topics: this.topics,
      handle: (batch, life) => this.handle(batch, life),
      batchSize,
      concurrency,
    });
  }

  private get topics(): readonly string[] {
    return this.options.topics ?? [...new Set(Object.keys(this.options.handlers).map((type) => eventContract(type).topic))];
  }

  /**
   * Takes again what was published in a stretch of time, beside its group, whose positions stay: for a database that was brought back from
   * a backup, say. What the inbox knows is left out; so it must remember longer than the transport.
   * @param onRead told how many events were read again, batch by batch
   * @returns when all is taken @throws what passes by itself: start it again
   */
  async replay({ since, until }: Stretch, onRead: (events: number) => void = () => undefined): Promise<void> {
    const handle = async (batch: readonly Received[]): Promise<void> => {
      await this.handle(batch);
      onRead(batch.length);
    };
    await this.options.transport.replay({ topics: this.topics, since, ...(until ? { until } : {}), handle });
  }

  status(): ConsumerStatus {
    return { ...(this.membership?.status() ?? { partitions: 0, failing: 0, missed: 0 }), ...this.counts };
  }

  /** Events not yet handled, per partition. */
  lag(): Promise<Lag[]> {
    return this.options.transport.lag(this.options.group);
  }

  /** Finishes the batch in hand and leaves. */
  async stop(): Promise<void> {
    await this.membership?.close();
  }

  /**
   * Handles a batch in a few transactions; if something in one fails, its events one by one, so that only the failing key is parked. What no
   * handler can take is parked in its turn, behind what came before it.
   * @param life of the database in which the position behind the batch was learnt
   */
  async handle(events: readonly Received[], life?: string): Promise<void> {
    let flowing: Received[] = [];
    for (const one of events) {
      const error = this.judge.whyNot(one);
      if (error !== undefined) {
        await this.flow(flowing, life);
        flowing = [];
        await this.park({ events: [one], life }, { error, attempts: 1 });
      } else if (this.judge.handles(one.event)) flowing.push(one);
      else this.counts.unknown++;
    }
    await this.flow(flowing, life);
  }

  /** Keys side by side, each in its order; over when all of it is, so that the position behind the batch stands for every event before it. */
  private async flow(events: readonly Received[], life: string | undefined): Promise<void> {
    const done = await Promise.allSettled(this.lanesOf(events).map((lane) => this.flowInLane(lane, life)));
    done.forEach(valueOf);
  }

  /** A transaction for few events costs more than it gains. */
  private lanesOf(events: readonly Received[]): (readonly Received[])[] {
    const lanes = Math.min(this.options.lanes ?? LANES, Math.floor(events.length / EVENTS_PER_LANE));
    return lanes < 2 ? [events] : [...Map.groupBy(events, ({ event }) => partitionOf(orderKey(event), lanes)).values()];
  }

  private async flowInLane(events: readonly Received[], life: string | undefined): Promise<void> {
    if (events.length === 0) return;
    try {
      await this.apply({ events, life });
    } catch (error) {
      if (passes(error)) throw error;
      for (const one of events) await this.applyOrPark(one, life);
    }
  }

  private async apply(batch: Batch): Promise<void> {
    const done = (this.repeating ? undefined : await this.applyAsFresh(batch)) ?? (await this.applyAdmitted(batch));
    crashPoint('consumer.committed');
    const { events } = batch;
    this.repeating = done.handled < events.length;
    this.counts.handled += done.handled;
    this.counts.parked += done.parked;
    this.counts.duplicates += events.length - done.handled - done.parked;
    this.counts.latencyMs = Math.max(0, Date.now() - Date.parse(events.at(-1)!.event.time));
  }

  /**
   * Takes the batch for fresh, as it nearly always is: its inbox rows go out with what the first handler asks first, and are heard
   * before anything else is done. @returns undefined if it was not all fresh: nothing of it stays then
   */
  private async applyAsFresh(batch: Batch): Promise<Done | undefined> {
    const events = [...new Map(batch.events.map((one) => [one.event.id, one])).values()];
    try {
      return await this.options.database.transaction(async (tx) => {
        const [admission, first] = await Promise.allSettled([this.admit(tx, batch), this.effect(tx, events[0]!)]);
        const { fresh, shut } = valueOf(admission);
        if (fresh.length < events.length || shut.size > 0) throw new NotAllFresh();
        valueOf(first);
        for (const one of events.slice(1)) await this.effect(tx, one);
        return effectsDone({ handled: events.length, parked: 0 });
      });
    } catch (error) {
      if (error instanceof NotAllFresh) return undefined;
      throw error;
    }
  }

  /** Hears first what of the batch is fresh, and what of that waits behind a parked event. */
  private applyAdmitted(batch: Batch): Promise<Done> {
    const { database, schema, group } = this.options;
    return database.transaction(async (tx) => {
      const admitted = await this.admit(tx, batch);
      const behind = admitted.fresh.filter((one) => isShut(admitted, one));
      const flowing = admitted.fresh.filter((one) => !isShut(admitted, one));
      if (behind.length > 0) await park(tx, schema, group, behind);
      for (const one of flowing) await this.effect(tx, one);
      return effectsDone({ handled: flowing.length, parked: behind.length });
    });
  }

  private admit(tx: Tx, { events, life }: Batch): Promise<Admitted> {
    return admit(tx, this.options.schema, this.options.group, events, life);
  }

  private async effect(tx: Tx, { event }: Received): Promise<void> {
    await this.options.handlers[event.type]!(tx, event);
  }

  private async applyOrPark(one: Received, life: string | undefined): Promise<void> {
    const tries = this.options.tries ?? TRIES;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.apply({ events: [one], life });
      } catch (error) {
        if (passes(error)) throw error;
        if (attempt >= tries) return this.park({ events: [one], life }, { error: errorClass(error), attempts: attempt });
        await sleep(TRY_AGAIN_MS * attempt);
      }
    }
  }

  private async park(batch: Batch, failure: Failure): Promise<void> {
    const parked = await this.parkWhole(batch, failure).catch((error: unknown) => {
      if (passes(error)) throw error;
      // The database does not take what it says (nested too deep, say): its place, its key and its class are kept.
      return this.parkWhole({ ...batch, events: batch.events.map(withoutData) }, failure);
    });
    crashPoint('consumer.parking-committed');
    const { event } = batch.events[0]!;
    if (!parked) {
      this.counts.duplicates++;
      return;
    }
    this.counts.parked++;
    if (failure.error === NEWER_MAJOR) this.counts.newerMajor++;
    this.options.report?.({ topic: event.topic, key: event.key, eventId: event.id, type: event.type, ...failure });
  }

  /** @returns false if the event had been handled or parked before */
  private parkWhole(batch: Batch, failure: Failure): Promise<boolean> {
    const { database, schema, group } = this.options;
    const { event } = batch.events[0]!;
    return database.transaction(async (tx) => {
      const { fresh, shut } = await this.admit(tx, batch);
      if (fresh.length === 0) return false;
      if (!shut.has(orderKey(event))) await shutKey(tx, schema, { consumer: group, topic: event.topic, key: event.key }, failure);
      await park(tx, schema, group, fresh);
      return true;
    });
  }
}

const withoutData = (one: Received): Received => ({ ...one, event: { ...one.event, data: {} }, unreadable: one.unreadable ?? 'data that cannot be stored' });

/** The last thing before COMMIT. */
function effectsDone(done: Done): Done {
  crashPoint('consumer.effect-done');
  crashPoint('consumer.before-commit');
  return done;
}

function valueOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
