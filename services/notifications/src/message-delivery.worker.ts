import type { Sealer } from '@baton/access';
import { IDENTIFIERS } from '@baton/contracts';
import { crashPoint, newId, type Clock } from '@baton/kernel';
import { errorFields, type Host, type Worker } from '@baton/service-host';
import { statement, type Database } from '@baton/postgres';
import { pauseAfter, errorCodeOf, type Answer, type Verdict } from './delivery.js';
import type { DeliverySettings } from './delivery-settings.js';
import { decisionMessage } from './message-delivery.fhir.js';
import { judgeMessage } from './message-delivery.js';
import { beginMessage, claimMessages, postpone, recordMessage, type MessageClaim } from './message-delivery.store.js';
import type { Sender } from './sender.js';
import { signatureHeaders } from './signature.js';
import { firstSecret, type SigningKeys } from './signing.store.js';
import { onWoken } from './wake.js';

/** Messages one partner gets at the same time. */
const AT_A_TIME = 4;
const TIMEOUT_MS = 15_000;
/** While no address is registered, it is looked for again after this. */
const NO_ADDRESS_MS = 60_000;
const FAILING_AFTER = 5;

export interface MessageDeliveryParts {
  readonly db: Database;
  readonly sender: Sender;
  readonly sealer: Sealer;
  readonly keys: SigningKeys;
  readonly clock: Clock;
  readonly log: Host['log'];
  readonly settings: DeliverySettings;
  /** Where messages to a partner go. */
  readonly addressOf: (partner: string) => Promise<string | undefined>;
  readonly count: (verdict: Verdict) => void;
}

/** Sends decisions to partners that sent a referral as a message: in order per referral, retried by the same schedule as notifications. */
export class MessageDeliveryWorker implements Worker {
  readonly name = 'notifications.messages';
  private readonly active = new Map<string, number>();
  private readonly underWay = new Set<Promise<void>>();
  private stopping = false;
  private failures = 0;
  private rung = false;
  private endRest: (() => void) | undefined;
  private running: Promise<void> | undefined;

  constructor(private readonly parts: MessageDeliveryParts) {}

  start(): void {
    const stopListening = onWoken('messages', () => this.wake());
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
    return this.failures >= FAILING_AFTER ? 'failing' : 'ok';
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        const room = new Map([...this.active].map(([partner, n]) => [partner, Math.max(0, AT_A_TIME - n)]));
        for (const claimed of await claimMessages(this.parts.db, room, AT_A_TIME)) this.take(claimed);
        this.failures = 0;
      } catch (error) {
        // Said once, not with every try of a long outage; health says it as long as it lasts.
        if (this.failures++ === 0) this.parts.log.error('messages cannot be claimed', errorFields(error));
      }
      await this.rest();
    }
  }

  private take(claimed: MessageClaim): void {
    const change = (by: number): void => {
      const n = (this.active.get(claimed.partner) ?? 0) + by;
      if (n > 0) this.active.set(claimed.partner, n);
      else this.active.delete(claimed.partner);
    };
    change(1);
    const work = this.deliver(claimed)
      .catch((error: unknown) => this.parts.log.error('a message could not be delivered', { partner: claimed.partner, ...errorFields(error) }))
      .finally(() => {
        change(-1);
        this.underWay.delete(work);
        this.wake();
      });
    this.underWay.add(work);
  }

  private async deliver(claimed: MessageClaim): Promise<void> {
    const { db, sealer, settings, addressOf, count, log } = this.parts;
    const endpoint = await addressOf(claimed.partner);
    if (endpoint === undefined) {
      log.warn('a message has no address to go to', { partner: claimed.partner });
      return postpone(db, claimed, 'no-address', NO_ADDRESS_MS);
    }
    if (claimed.secrets.length === 0) {
      await sealFirst(db, sealer, claimed.partner);
      return postpone(db, claimed, 'no-secret', 0);
    }
    // From before the question was asked: the answer cannot be older than this.
    const asked = performance.now();
    const begun = await beginMessage(db, claimed);
    if (!begun) return;
    const answer = await this.send(claimed, endpoint, begun.seen, asked + settings.freshMs);
    const verdict = judgeMessage(answer, claimed.attempts);
    const pauseMs = verdict === 'retry' ? pauseAfter(claimed.attempts + 1, claimed.urgent, answer, settings.random(), settings.schedule) : undefined;
    const final = verdict === 'retry' && pauseMs === undefined ? 'parked' : verdict;
    const failed = final === 'retry' || final === 'parked';
    await recordMessage(db, claimed, begun.attempt, { verdict: final, answer, ...(pauseMs === undefined ? {} : { pauseMs }), ...(failed ? { failure: errorCodeOf(answer) } : {}) });
    count(final);
  }

  private send(claimed: MessageClaim, endpoint: string, seen: Parameters<typeof decisionMessage>[0]['seen'], notAfter: number): Promise<Answer> {
    const { sender, keys, clock } = this.parts;
    const now = clock();
    const { id, event, request } = claimed;
    const body = Buffer.from(decisionMessage({ id, header: newId(), outcome: newId(), event, request, seen, now }));
    const [system, value] = request.source.endpoint.split('|');
    const headers = {
      'content-type': 'application/fhir+json; charset=utf-8',
      'x-request-id': id,
      'x-correlation-id': claimed.correlation,
      ...(value === undefined ? {} : { 'nhsd-target-identifier': Buffer.from(JSON.stringify({ value, system: system === undefined ? IDENTIFIERS.dosService : published(system) })).toString('base64') }),
      ...signatureHeaders(keys.of(claimed.partner, claimed.secrets), `msg_${id}`, Math.floor(now.getTime() / 1000), body),
    };
    return sender.send({ endpoint, headers, body, timeoutMs: TIMEOUT_MS, notAfter });
  }

  private wake(): void {
    this.rung = true;
    this.endRest?.();
  }

  private async rest(): Promise<void> {
    if (!this.rung && !this.stopping) {
      const ms = this.failures > 0 ? Math.min(100 * 2 ** this.failures, 5_000) : this.parts.settings.idleMs;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
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

/** The Directory of Services' system in its published spelling, whatever way the sender spelt it. */
const published = (system: string): string => (system.toLowerCase().replace(/^http:/, 'https:') === IDENTIFIERS.dosService.toLowerCase() ? IDENTIFIERS.dosService : system);

/** A partner that never asked for a secret is sent signed messages all the same; it may ask for one at any time. */
async function sealFirst(db: Database, sealer: Sealer, partner: string): Promise<void> {
  const { sql, values } = firstSecret(sealer, partner);
  await db.query(statement(sql), values);
  crashPoint('message-delivery.secret-made');
}
