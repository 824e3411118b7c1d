import type { Sealer } from '@baton/access';
import { crashPoint, newId, type Clock } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { errorFields, type Host, type Worker } from '@baton/service-host';
import { headersOf } from './channel-headers.js';
import { errorCodeOf, judge } from './delivery.js';
import { notificationBundle } from './notification.fhir.js';
import { CONNECTIONS, type Sender } from './sender.js';
import type { SigningKeys } from './signing.store.js';
import { claimSigns, endSubscriptions, noteHeartbeat, settleHandshake, type DueSign } from './subscription.store.js';
import { onWoken } from './wake.js';

export interface HandshakeParts {
  readonly db: Database;
  readonly log: Host['log'];
  readonly sender: Sender;
  readonly sealer: Sealer;
  readonly keys: SigningKeys;
  readonly fhirBase: () => string;
  readonly clock: Clock;
  /** Milliseconds between looks. */
  readonly everyMs: number;
}

/** Shakes hands with endpoints that were asked for, gives signs of life where wanted, and ends subscriptions whose time is over. */
export class HandshakeWorker implements Worker {
  readonly name = 'notifications.handshake';
  private readonly underWay = new Set<Promise<void>>();
  private stopping = false;
  private rung = false;
  private failures = 0;
  private endRest: (() => void) | undefined;
  private running: Promise<void> | undefined;

  constructor(private readonly parts: HandshakeParts) {}

  start(): void {
    const stopListening = onWoken('handshakes', () => this.wake());
    this.running = this.run().finally(stopListening);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    await this.running;
    await Promise.all(this.underWay);
    await this.parts.sender.close();
  }

  health(): 'ok' | 'failing' {
    return this.failures >= 5 ? 'failing' : 'ok';
  }

  private async run(): Promise<void> {
    const { db, log } = this.parts;
    while (!this.stopping) {
      try {
        const { signs, ended } = await claimSigns(db, Math.max(0, 4 * CONNECTIONS - this.underWay.size));
        for (const sign of signs) {
          const work = this.give(sign).finally(() => this.underWay.delete(work));
          this.underWay.add(work);
        }
        await endSubscriptions(db, ended);
        this.failures = 0;
      } catch (error) {
        // Said once, not with every try of a long outage; health says it as long as it lasts.
        if (this.failures++ === 0) log.error('handshakes cannot be made', errorFields(error));
      }
      await this.rest();
    }
  }

  private async give(sign: DueSign): Promise<void> {
    const { db, log } = this.parts;
    try {
      const error = await this.send(sign);
      if (sign.type === 'heartbeat') return await noteHeartbeat(db, sign, error);
      const settled = await settleHandshake(db, sign, error);
      if (settled && error !== undefined) log.warn('a handshake failed', { partner: sign.partner, key: sign.subscription, rule: error });
    } catch (error) {
      log.error('a handshake could not be settled', { partner: sign.partner, key: sign.subscription, ...errorFields(error) });
    }
  }

  /** @returns the code of what failed, or nothing */
  private async send(sign: DueSign): Promise<string | undefined> {
    const { sender, fhirBase, clock } = this.parts;
    const now = clock();
    const status = sign.type === 'handshake' ? 'requested' : 'active';
    const facts = { subscription: sign.subscription, canonical: sign.canonical, status, type: sign.type, total: sign.total } as const;
    const body = Buffer.from(notificationBundle(fhirBase(), facts, { bundle: newId(), status: newId(), at: now }));
    const headers = headersOf(this.parts, sign, { id: newId(), at: now, body });
    const answer = await sender.send({ endpoint: sign.endpoint, headers, body, timeoutMs: sign.timeoutMs, notAfter: Infinity });
    crashPoint('handshake.answered');
    return judge(answer) === 'delivered' ? undefined : errorCodeOf(answer);
  }

  private wake(): void {
    this.rung = true;
    this.endRest?.();
  }

  private async rest(): Promise<void> {
    if (!this.rung && !this.stopping) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.parts.everyMs);
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
