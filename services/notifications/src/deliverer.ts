import type { Sealer } from '@baton/access';
import { crashPoint, newId, type Clock } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { begin, type Rendered } from './attempt.store.js';
import { headerPairs, openHeaders } from './channel-headers.js';
import { errorCodeOf, judge, pauseAfter, type Answer, type Verdict } from './delivery.js';
import type { DeliverySettings } from './delivery-settings.js';
import { tell } from './disclosure.js';
import { deliveredSince, record, release, type Claim, type DueEvent, type Recorded } from './lane.store.js';
import { notificationBundle } from './notification.fhir.js';
import type { Sender } from './sender.js';
import { signatureHeaders } from './signature.js';
import type { SigningKeys } from './signing.store.js';
import type { Disable } from './subscription.store.js';

/** What the endpoint showed: it answered, it failed, or it was not asked. */
export type Delivered = 'answered' | 'failed' | 'not-asked';

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

/** Carries out one delivery: ask for consent and render, sign, send, judge, record. */
export class Deliverer {
  constructor(private readonly parts: DelivererParts) {}

  async deliver(claimed: Claim): Promise<Delivered> {
    const { db, settings } = this.parts;
    if (!claimed.event) {
      await release(db, claimed);
      return 'not-asked';
    }
    // From before the question was asked: the answer cannot be older than this.
    const asked = performance.now();
    const rendered = await begin(db, claimed, claimed.event);
    if (!rendered) {
      await release(db, claimed);
      return 'not-asked';
    }
    const answer = await this.send(claimed, claimed.event, rendered, asked + settings.freshMs);
    crashPoint('delivery.answer-read');
    return this.settle(claimed, claimed.event, rendered, answer);
  }

  close(): Promise<void> {
    return this.parts.sender.close();
  }

  private send(claimed: Claim, event: DueEvent, rendered: Rendered, notAfter: number): Promise<Answer> {
    const { sender, sealer, keys, fhirBase, clock } = this.parts;
    const now = clock();
    const { canonical, total, content } = rendered;
    const told = tell(rendered.event, rendered.seen, content);
    const facts = { subscription: claimed.subscription, canonical, status: 'active', type: 'event-notification', total, events: [told] } as const;
    const body = Buffer.from(notificationBundle(fhirBase(), facts, { bundle: newId(), status: newId(), at: now }));
    const headers = {
      ...Object.fromEntries(headerPairs(openHeaders(sealer, claimed.subscription, claimed.headers))),
      'content-type': contentType(claimed.payload),
      ...signatureHeaders(keys.of(claimed.partner, claimed.secrets), `msg_${event.id}`, Math.floor(now.getTime() / 1000), body),
      'x-correlation-id': event.correlation,
    };
    return sender.send({ endpoint: claimed.endpoint, headers, body, timeoutMs: claimed.timeoutMs, notAfter });
  }

  private async settle(claimed: Claim, event: DueEvent, rendered: Rendered, answer: Answer): Promise<Delivered> {
    const { db, disable, count } = this.parts;
    const decided = await this.decide(claimed, event, answer);
    await record(db, claimed, rendered.attempt, decided);
    count(decided.verdict);
    if (decided.verdict === 'gone' || decided.exhausted) {
      await disable(claimed.subscription, errorCodeOf(answer));
      crashPoint('delivery.endpoint-disabled');
    }
    if (decided.verdict === 'abandoned') return 'not-asked';
    return answer.status !== undefined && answer.status < 500 && answer.status !== 429 ? 'answered' : 'failed';
  }

  /** A schedule that is exhausted parks the key if others got through meanwhile; if none did, the endpoint is what fails. */
  private async decide(claimed: Claim, event: DueEvent, answer: Answer): Promise<Recorded & { exhausted?: boolean }> {
    const { db, settings } = this.parts;
    const verdict = judge(answer);
    if (verdict === 'delivered' || verdict === 'abandoned') return { verdict, answer };
    const error = errorCodeOf(answer);
    if (verdict === 'parked') return { verdict, answer, error };
    if (verdict === 'gone') return { verdict, answer, error, pauseMs: BEFORE_DISABLED_MS };
    const pauseMs = pauseAfter(event.attempts + 1, event.urgent, answer, settings.random(), settings.schedule);
    if (pauseMs !== undefined) return { verdict, answer, error, pauseMs };
    if (await deliveredSince(db, claimed.subscription, event.number)) return { verdict: 'parked', answer, error };
    return { verdict, answer, error, pauseMs: BEFORE_DISABLED_MS, exhausted: true };
  }
}

/** The payload's type with its charset. */
export const contentType = (payload: string): string => (payload.includes('charset') ? payload : `${payload}; charset=utf-8`);
