import { newId } from '@baton/kernel';
import { errorFields, type Host, type Worker } from '@baton/service-host';
import type { Database } from '@baton/postgres';
import { claim, type Claim } from './attempt.store.js';
import { Breaker } from './breaker.js';
import type { DeliverySettings } from './delivery-settings.js';
import { Deliverer, type Delivered } from './deliverer.js';
import { LANES_AT_ONCE, signOff, signOfLife, sweepLanes, WORKER_TTL } from './lane.store.js';
import { CONNECTIONS } from './sender.js';
import { onWoken } from './wake.js';

/** What one endpoint is doing here. */
interface Channel {
  readonly breaker: Breaker;
  active: number;
  /** It got as much as it may have: more may be due. */
  full: boolean;
}

const SIGN_OF_LIFE_MS = 1_000;
const SWEEP_MS = 60_000;
const FAILING_AFTER = 5;

/**
 * Delivers what is due. Every endpoint has its connections and a breaker of its own, so that none slows another; within one, lanes
 * (subscription and person) go in parallel, each of them one delivery at a time. Several workers, in one process or many, share the lanes.
 *
 * It asks the database when it is woken, when a delivery ended behind which more is due or may be, and now and then by itself.
 */
export class DeliveryWorker implements Worker {
  readonly name = 'notifications.delivery';
  private readonly holder = newId();
  private readonly channels = new Map<string, Channel>();
  private readonly underWay = new Set<Promise<void>>();
  private stopping = false;
  private failures = 0;
  private rung = false;
  /** The last look that nothing had asked for found something: others queue what is delivered here. */
  private found = false;
  private endRest: (() => void) | undefined;
  private running: Promise<void> | undefined;
  private beating: Promise<void> | undefined;
  private lastSign = -Infinity;
  private lastSweep = performance.now();

  constructor(
    private readonly db: Database,
    private readonly log: Host['log'],
    private readonly deliverer: Deliverer,
    private readonly settings: DeliverySettings,
  ) {}

  start(): void {
    const stopListening = onWoken('deliveries', () => this.wake());
    this.running = this.run().finally(stopListening);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    await this.running;
    await Promise.all(this.underWay);
    await this.beating;
    await this.deliverer.close();
    await signOff(this.db, this.holder).catch(() => undefined);
  }

  health(): 'ok' | 'failing' {
    return this.failures >= FAILING_AFTER ? 'failing' : 'ok';
  }

  private async run(): Promise<void> {
    let woken = false;
    while (!this.stopping) {
      try {
        if (await this.alive()) await this.look(woken);
      } catch (error) {
        this.failed('deliveries cannot be claimed', error);
      }
      woken = await this.rest();
    }
  }

  private async look(woken: boolean): Promise<void> {
    const room = this.room();
    const claims = await claim(this.db, this.holder, room, CONNECTIONS);
    this.failures = 0;
    this.found = !woken && claims.length > 0;
    this.take(claims, room);
  }

  /** Gives a sign of life when it is time, beside the deliveries: what a worker takes that gave none lately is taken from it at once. */
  private async alive(): Promise<boolean> {
    const silentFor = (): number => performance.now() - this.lastSign;
    if (silentFor() >= SIGN_OF_LIFE_MS && !this.beating)
      this.beating = this.tend()
        .catch((error: unknown) => this.failed('no sign of life can be given', error))
        .finally(() => (this.beating = undefined));
    if (silentFor() >= WORKER_TTL) await this.beating;
    return silentFor() < WORKER_TTL;
  }

  private async tend(): Promise<void> {
    const now = performance.now();
    if (await signOfLife(this.db, this.holder)) this.wake();
    this.lastSign = now;
    if (now - this.lastSweep < SWEEP_MS) return;
    await sweepLanes(this.db);
    this.lastSweep = now;
  }

  private failed(what: string, error: unknown): void {
    // Said once, not with every try of a long outage; health says it as long as it lasts.
    if (this.failures++ === 0) this.log.error(what, errorFields(error));
  }

  /** Requests each endpoint may still get. */
  private room(): Map<string, number> {
    const now = performance.now();
    return new Map([...this.channels].map(([endpoint, { breaker, active }]) => [endpoint, Math.max(0, breaker.room(CONNECTIONS, now) - active)]));
  }

  private take(claims: readonly Claim[], room: ReadonlyMap<string, number>): void {
    for (const { endpoint } of claims) if (!this.channels.has(endpoint)) this.channels.set(endpoint, { breaker: new Breaker(), active: 0, full: false });
    for (const [endpoint, channel] of this.channels) channel.full = claims.filter((one) => one.endpoint === endpoint).length >= (room.get(endpoint) ?? CONNECTIONS);
    if (claims.length >= LANES_AT_ONCE) this.wake();
    for (const claimed of claims) this.deliver(this.channels.get(claimed.endpoint)!, claimed);
  }

  private deliver(channel: Channel, claimed: Claim): void {
    channel.active++;
    const work = this.carryOut(channel, claimed).then((again) => {
      channel.active--;
      this.underWay.delete(work);
      if (again || channel.full) this.wake();
      if (channel.active === 0 && !channel.breaker.isOpen) this.channels.delete(claimed.endpoint);
    });
    this.underWay.add(work);
  }

  /** @returns whether more is due in the lane already */
  private async carryOut(channel: Channel, claimed: Claim): Promise<boolean> {
    try {
      const { endpoint, again } = await this.deliverer.deliver(claimed);
      note(channel.breaker, endpoint);
      return again;
    } catch (error) {
      this.failures++;
      // The lane stays with this worker until its time is over: what went wrong here is not retried in a rush.
      this.log.error('a delivery could not be carried out', { partner: claimed.partner, ...errorFields(error) });
      return false;
    }
  }

  private wake(): void {
    this.rung = true;
    this.endRest?.();
  }

  /** Until woken, or for a while: short while looking unasked finds something. @returns whether it was woken */
  private async rest(): Promise<boolean> {
    if (!this.rung && !this.stopping) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.failures > 0 ? Math.min(100 * 2 ** this.failures, 5_000) : this.found ? this.settings.busyMs : this.settings.idleMs);
        this.endRest = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.endRest = undefined;
    }
    const woken = this.rung;
    this.rung = false;
    return woken;
  }
}

function note(breaker: Breaker, endpoint: Delivered['endpoint']): void {
  if (endpoint === 'answered') breaker.answered();
  else if (endpoint === 'failed') breaker.failed(performance.now());
}
