import { auditOf, requirePermission } from '@baton/access';
import { renderBundle, validateOrRefuse, type Resource } from '@baton/fhir';
import { answeredBefore, claim, type IdempotencyClaim } from '@baton/fhir-store';
import type { Caller } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import type { Host } from '@baton/service-host';
import { keepAnswer } from '../gateway.interactions.js';
import type { Registry } from '../transaction.js';
import { cancellation } from './cancellation.js';
import { handover, senderFaults, type Carried } from './handover.js';
import { whatIsKnown } from './known.store.js';
import { renderAnswer, type MessageAnswer } from './message-answer.js';
import { readMessageHeaders, type MessageHttpHeaders } from './message-headers.js';
import { readMessage, type Message } from './message.js';
import { contentTolerated } from './tolerance.js';
import { judgedRequest, validation } from './validation.js';

/** Takes BaRS-shaped messages and answers each at once, by what it is. */
export class Messages {
  /** @param registry rules by type; Patient's keep an NHS number that fails its check */
  constructor(
    private readonly host: Host,
    private readonly registry: Registry,
  ) {}

  /**
   * @param body the Bundle as it was parsed
   * @returns the answering message as JSON text
   * @throws Refused with every place that is wrong, in the message; nothing of it is stored then
   */
  async process(caller: Caller, headers: MessageHttpHeaders, body: unknown, idempotency: IdempotencyClaim | undefined): Promise<string> {
    const addressed = readMessageHeaders(headers);
    const message = readMessage(validateOrRefuse(body, 'Bundle'), addressed);
    requirePermission(caller, 'ServiceRequest', message.kind === 'cancellation' ? 'update' : 'create');
    const answer = await this.host.database.transaction(async (tx) => {
      const before = idempotency && (await claim<MessageAnswer>(tx, 'gateway', caller, idempotency));
      if (before) return renderAnswer(message, before, await this.shownAgain(tx, caller, message, before));
      const { answer: made, bodies } = await this.carryOut(tx, caller, message);
      if (idempotency) await keepAnswer(tx, caller, idempotency, made);
      return renderAnswer(message, made, shown(message, made, bodies));
    });
    if (message.kind === 'validation') await this.host.audit.record([auditOf(caller, { interaction: 'operation', query: '$process-message' })]);
    return renderBundle(answer);
  }

  private async carryOut(tx: Tx, caller: Caller, message: Message): Promise<Carried> {
    const tolerated = [...message.tolerated, ...contentTolerated(message.entries, message.focus, tx.now)];
    if (message.kind === 'cancellation') return cancellation(tx, this.host, this.registry, caller, message, message.tolerated);
    const known = await whatIsKnown(tx, this.host, caller, message.entries);
    if (message.kind === 'referral') return handover(tx, this.host, this.registry, caller, message, known, tolerated);
    return { answer: await validation(tx, caller, message, known, [...tolerated, ...senderFaults(message, known, caller)]), bodies: [] };
  }

  private async shownAgain(tx: Tx, caller: Caller, message: Message, answer: MessageAnswer) {
    const bodies: string[] = [];
    for (const { answer: kept } of answer.written) bodies.push((await answeredBefore(tx, caller, kept)).body);
    return shown(message, answer, bodies);
  }
}

/** What an answer shows: of a validation the request with its verdict, else what was written. */
function shown(message: Message, answer: MessageAnswer, bodies: readonly string[]): { fullUrl: string; resource: Resource }[] {
  if (message.kind === 'validation') return [{ fullUrl: message.focus.fullUrl, resource: judgedRequest(message, answer) }];
  return answer.written.flatMap(({ fullUrl }, i) => (bodies[i] ? [{ fullUrl, resource: JSON.parse(bodies[i]) as Resource }] : []));
}
