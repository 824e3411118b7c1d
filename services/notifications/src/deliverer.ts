import type { Sealer } from '@baton/access';
import { crashPoint, newId, type Clock } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import type { Begun, Claim } from './attempt.store.js';
import { headersOf } from './channel-headers.js';
import { errorCodeOf, judge, pauseAfter, type Answer, type Verdict } from './delivery.js';
import type { DeliverySettings } from './delivery-settings.js';
import { tell } from './disclosure.js';
import { deliveredSince, record, release, type Recorded } from './lane.store.js';
import { notificationBundle } from './notification.fhir.js';
import type { Sender } from './sender.js';
import type { SigningKeys } from './signing.store.js';
import type { Disable } from './subscription.store.js';

/** How a delivery ended. */
export interface Delivered {
  /** What the endpoint showed: it answered, it failed, or it was not asked. */
  readonly endpoint: 'answered' | 'failed' | 'not-asked';
  /** Whether something is due in the same lane already. */
  readonly again: boolean;
}

export interface DelivererParts {
  readonly db: Database;
  readonly sender: Sender;
  readonly sealer: Sealer;
  readonly keys: SigningKeys;
  readonly fhirBase: () => string;
  readonly clock: Clock;
  readonly settings: DeliverySettings;
  /** Puts a subscription into `error`. */
  readonly disable: Disable;
  /** Told of every attempt that ended. */
  readonly count: (verdict: Verdict) => void;
}

/** Until a subscription in `error` is resumed its events are not looked at; this only bridges the moment between. */
const BEFORE_DISABLED_MS = 60_000;

/** Carries out one delivery of what consent allows to be told: render, sign, send, judge, record. */
export class Deliverer {
  constructor(private readonly parts: DelivererParts) {}

  async deliver(claimed: Claim): Promise<Delivered> {
    const { db } = this.parts;
    if (!claimed.begun) return { endpoint: 'not-asked', again: await release(db, claimed) };
    const answer = await this.send(claimed, claimed.begun);
    crashPoint('delivery.answer-read');
    return this.settle(claimed, claimed.begun, answer);
  }

  close(): Promise<void> {
    return this.parts.sender.close();
  }

  private send(claimed: Claim, begun: Begun): Promise<Answer> {
    const { sender, fhirBase, clock, settings } = this.parts;
    const now = clock();
    const { canonical, total, content } = begun;
    const told = tell(begun.event, begun.seen, content);
    const facts = { subscription: claimed.subscription, canonical, status: 'active', type: 'event-notification', total, events: [told] } as const;
    const body = Buffer.from(notificationBundle(fhirBase(), facts, { bundle: newId(), status: newId(), at: now }));
    const headers = { ...headersOf(this.parts, claimed, { id: begun.id, at: now, body }), 'x-correlation-id': begun.correlation };
    return sender.send({ endpoint: claimed.endpoint, headers, body, timeoutMs: claimed.timeoutMs, notAfter: claimed.asked + settings.freshMs });
  }

  private async settle(claimed: Claim, begun: Begun, answer: Answer): Promise<Delivered> {
    const { db, disable, count } = this.parts;
    const decided = await this.decide(claimed, begun, answer);
    const again = await record(db, claimed, begun, decided);
    count(decided.verdict);
    if (decided.verdict === 'gone' || decided.exhausted) {
      await disable(claimed.subscription, errorCodeOf(answer));
      crashPoint('delivery.endpoint-disabled');
    }
    if (decided.verdict === 'abandoned') return { endpoint: 'not-asked', again };
    return { endpoint: answer.status !== undefined && answer.status < 500 && answer.status !== 429 ? 'answered' : 'failed', again };
  }

  /** A schedule that is exhausted parks the key if others got through meanwhile; if none did, the endpoint is what fails. */
  private async decide(claimed: Claim, begun: Begun, answer: Answer): Promise<Recorded & { exhausted?: boolean }> {
    const { db, settings } = this.parts;
    const verdict = judge(answer);
    if (verdict === 'delivered' || verdict === 'abandoned') return { verdict, answer };
    const error = errorCodeOf(answer);
    if (verdict === 'parked') return { verdict, answer, error };
    if (verdict === 'gone') return { verdict, answer, error, pauseMs: BEFORE_DISABLED_MS };
    const pauseMs = pauseAfter(begun.attempts + 1, begun.urgent, answer, settings.random(), settings.schedule);
    if (pauseMs !== undefined) return { verdict, answer, error, pauseMs };
    if (await deliveredSince(db, claimed.subscription, begun.event.number)) return { verdict: 'parked', answer, error };
    return { verdict, answer, error, pauseMs: BEFORE_DISABLED_MS, exhausted: true };
  }
}
