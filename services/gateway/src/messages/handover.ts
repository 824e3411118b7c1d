import { organizationId } from '@baton/contracts';
import type { EntryRequest, MessageHeader } from '@baton/fhir';
import { refuse, Refused, type Caller, type Violation } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import type { Host } from '@baton/service-host';
import { withoutBody } from '../gateway.interactions.js';
import { carryOutAll, prepare, type EntryAnswers, type Registry } from '../transaction.js';
import { newAnswer, type MessageAnswer } from './message-answer.js';
import { mapReferral, type Known, type MappedEntry } from './message.mapping.js';
import type { Message } from './message.js';
import { inMessage } from './message-entries.js';
import { claimMessage, settleMessage } from './message.store.js';

/** What a message led to: the answer, and the resources that were written, in its order. */
export interface Carried {
  readonly answer: MessageAnswer;
  readonly bodies: readonly string[];
}

/** Hands over a referral: everything in the message that is kept, in the transaction that is open, or nothing. */
export async function handover(tx: Tx, host: Pick<Host, 'fhirBase'>, registry: Registry, caller: Caller, message: Message, known: Known, tolerated: readonly Violation[]): Promise<Carried> {
  await claimMessage(tx, caller, message);
  const sender = senderFaults(message, known, caller);
  const { entries, named } = mapReferral(message, known);
  const answers = await create(tx, host, registry, caller, entries);
  const request = answers[0]!;
  await settleMessage(tx, caller, message, request.id);
  return {
    answer: newAnswer(tx.now, {
      code: 'ok',
      says: 'The referral was taken; what the service decides comes as another message.',
      against: [],
      named: [...tolerated, ...sender, ...named],
      written: answers.map((answer, i) => ({ fullUrl: entries[i]!.entry.fullUrl, answer: withoutBody(answer) as MessageAnswer['written'][number]['answer'] })),
    }),
    bodies: answers.map(({ body }) => body),
  };
}

/**
 * Who sends is said by the token. A message that names another partner as its sender is meant to be somebody else's; one
 * whose sender is not known here says nothing about it.
 */
export function senderFaults({ header, entries, senderOds }: Message, known: Known, caller: Caller): Violation[] {
  const at = 'Bundle.entry[0].resource.sender';
  const url = entries.find((header.resource as unknown as MessageHeader).sender?.reference)?.entry.fullUrl;
  const organization = url === undefined ? undefined : known.matched.get(url);
  if (organization === `Organization/${organizationId(caller.partner)}`) return [];
  if (organization !== undefined) throw refuse('forbidden', 'sender-not-you', 'The sender of the message is another partner than the one whose token it came with.', { at: [at] });
  return senderOds === undefined ? [] : [{ rule: 'sender-unknown', says: 'The sender is no organisation known here; the partner of the token was taken.', at: [at], code: 'value' }];
}

async function create(tx: Tx, host: Pick<Host, 'fhirBase'>, registry: Registry, caller: Caller, entries: readonly MappedEntry[]): Promise<EntryAnswers> {
  const requests = entries.map(({ entry, resource }, place): EntryRequest => ({ place, interaction: 'create', method: 'POST', type: resource.resourceType, fullUrl: entry.fullUrl, resource }));
  try {
    prepare(registry, caller, requests);
    return await carryOutAll(tx, host, registry, caller, requests);
  } catch (error) {
    throw inTermsOfMessage(error, entries);
  }
}

/** The same refusal, with places in the message instead of the transaction that was made from it. */
export function inTermsOfMessage(error: unknown, entries: readonly MappedEntry[]): unknown {
  if (!(error instanceof Refused)) return error;
  const where = (at: string): string => {
    const [, place, rest = ''] = /^Bundle\.entry\[(\d+)\](.*)$/.exec(at) ?? [];
    const entry = place === undefined ? undefined : entries[Number(place)]?.entry;
    if (!entry) return at;
    const named = inMessage([{ rule: '', says: '', at: [rest.slice(1)] }], entries.map((each) => each.entry))[0]!.at![0]!;
    return named === rest.slice(1) ? `Bundle.entry[${entry.place}]${rest}` : named;
  };
  const violations = error.violations.map((violation) => (violation.at ? { ...violation, at: violation.at.map(where) } : violation));
  return Object.assign(Object.create(Object.getPrototypeOf(error) as object) as Refused, error, { message: error.message, stack: error.stack, violations });
}
