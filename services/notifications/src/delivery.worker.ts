import { newId } from '@baton/kernel';
import { errorFields, type Host, type Worker } from '@baton/service-host';
import type { Database } from '@baton/postgres';
import { Breaker } from './breaker.js';
import type { DeliverySettings } from './delivery-settings.js';
import { Deliverer, type Delivered } from './deliverer.js';
import { claim, signOff, signOfLife, sweepLanes, type Claim } from './lane.store.js';
import { CONNECTIONS } from './sender.js';
import { onDeliveriesWoken } from './wake.js';

/** What one endpoint is doing here. */
interface Queue {
  readonly breaker: Breaker;
  readonly waiting: Claim[];
  active: number;
}

const SIGN_OF_LIFE_MS = 1_000;
const SWEEP_MS = 60_000;
const FAILING_AFTER = 5;

/**
 * Delivers what is due. Every endpoint has a queue and a breaker of its own, so that none slows another; within one, lanes
 * (subscription and person) go in parallel, each of them one delivery at a time. Several workers, in one process or many, share the lanes.
 */
export class DeliveryWorker implements Worker {
  readonly name = 'notifications.delivery';
  private readonly holder = newId();
  private readonly queues = new Map<string, Queue>();
  private readonly underWay = new Set<Promise<void>>();
  private stopping = false;
  private failures = 0;
  private rung = false;
  private endRest: (() => void) | undefined;
  private running: Promise<void> | undefined;
  private lastSign = -Infinity;
  private lastSweep = performance.now();
  private lastWork = -Infinity;

  constructor(
    private readonly db: Database,
    private readonly log: Host['log'],
    private readonly deliverer: Deliverer,
    private readonly settings: DeliverySettings,
  ) {}

  start(): void {
    const stopListening = onDeliveriesWoken(() => this.wake());
    this.running = this.run().finally(stopListening);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    await this.running;
    await Promise.all(this.underWay);
    await this.deliverer.close();
    await signOff(this.db, this.holder).catch(() => undefined);
  }

  health(): 'ok' | 'failing' {
    return this.failures >= FAILING_AFTER ? 'failing' : 'ok';
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.beat();
        const claims = await claim(this.db, this.holder, this.room(), CONNECTIONS);
        this.failures = 0;
        if (claims.length > 0) this.lastWork = performance.now();
        for (const one of claims) this.enqueue(one);
      } catch (error) {
        this.failures++;
        this.log.error('deliveries cannot be claimed', errorFields(error));
      }
      await this.rest();
    }
  }

  private async beat(): Promise<void> {
    const now = performance.now();
    if (now - this.lastSign >= SIGN_OF_LIFE_MS) {
      await signOfLife(this.db, this.holder);
      this.lastSign = now;
    }
    if (now - this.lastSweep >= SWEEP_MS) {
      await sweepLanes(this.db);
      this.lastSweep = now;
    }
  }

  /** Requests each endpoint may still get. */
  private room(): Map<string, number> {
    const now = performance.now();
    return new Map([...this.queues].map(([endpoint, { breaker, active, waiting }]) => [endpoint, Math.max(0, breaker.room(CONNECTIONS, now) - active - waiting.length)]));
  }

  private enqueue(claimed: Claim): void {
    let queue = this.queues.get(claimed.endpoint);
    if (!queue) this.queues.set(claimed.endpoint, (queue = { breaker: new Breaker(), waiting: [], active: 0 }));
    queue.waiting.push(claimed);
    this.drain(queue);
  }

  private drain(queue: Queue): void {
    while (queue.active < CONNECTIONS && queue.waiting.length > 0) {
      const claimed = queue.waiting.shift()!;
      queue.active++;
      const work = this.deliver(queue, claimed).finally(() => {
        queue.active--;
        this.underWay.delete(work);
        this.drain(queue);
        this.forget(claimed.endpoint, queue);
        this.wake();
      });
      this.underWay.add(work);
    }
  }

  private async deliver(queue: Queue, claimed: Claim): Promise<void> {
    try {
      note(queue.breaker, await this.deliverer.deliver(claimed));
    } catch (error) {
      this.failures++;
      // The lane stays with this worker until its time is over: what went wrong here is not retried in a rush.
      this.log.error('a delivery could not be carried out', { partner: claimed.partner, ...errorFields(error) });
    }
  }

  private forget(endpoint: string, queue: Queue): void {
    if (queue.active === 0 && queue.waiting.length === 0 && !queue.breaker.isOpen) this.queues.delete(endpoint);
  }

  private wake(): void {
    this.rung = true;
    this.endRest?.();
  }

  /** Until woken, or for a while: short while there was work lately. */
  private async rest(): Promise<void> {
    if (!this.rung && !this.stopping) {
      const busy = performance.now() - this.lastWork < 1_000;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.failures > 0 ? Math.min(100 * 2 ** this.failures, 5_000) : busy ? this.settings.busyMs : this.settings.idleMs);
        this.endRest = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.endRest = undefined;
    }
    this.rung = false;
  }
}

function note(breaker: Breaker, delivered: Delivered): void {
  if (delivered === 'answered') breaker.answered();
  else if (delivered === 'failed') breaker.failed(performance.now());
}
