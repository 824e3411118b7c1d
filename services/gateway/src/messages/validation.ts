import { pathwayCanonical } from '@baton/contracts';
import type { Resource, ServiceRequest } from '@baton/fhir';
import type { Caller } from '@baton/kernel';
import { roleOf, type Tx } from '@baton/postgres';
import { assess, type Assessment } from '@baton/referrals';
import { newAnswer, type MessageAnswer } from './message-answer.js';
import { mapReferral, type Known } from './message.mapping.js';
import type { Message } from './message.js';
import { inMessage } from './message-entries.js';
import { endpointOf } from './service-identifier.js';

/**
 * Answers a validation request as what it is: would this young person be taken? Nothing is stored, and so there is nothing to
 * repeat: who asks again is answered as things are then.
 */
export async function validation(tx: Tx, caller: Caller, message: Message, known: Known, tolerated: MessageAnswer['named']): Promise<MessageAnswer> {
  const { entries, named } = mapReferral(message, known);
  const [request, patient] = entries;
  const assessment = await assess(tx.as(roleOf('referrals')), caller, request!.resource, patient!.resource);
  const { verdict } = assessment;
  return newAnswer(tx.now, {
    code: verdict.eligible ? 'ok' : 'fatal-error',
    says: sentence(assessment),
    against: verdict.eligible ? [] : inMessage(verdict.violations, [request!.entry, patient!.entry]),
    named: [...tolerated, ...named.filter(({ rule }) => !OF_STORING.has(rule))],
    written: [],
  });
}

/** What is said of storing does not apply where nothing is stored. */
const OF_STORING = new Set(['kept-inside', 'not-stored']);

function sentence({ verdict, judgedBy }: Assessment): string {
  const by = judgedBy ? ` Judged by ${pathwayCanonical(judgedBy.pathway, judgedBy.version)}.` : '';
  if (!verdict.eligible) return `Not eligible; the errors say why. Nothing was stored.${by}`;
  return `Eligible${verdict.waiting ? `, and would wait: the service is full, with ${verdict.waiting.ahead} ahead` : ''}. Nothing was stored.${by}`;
}

/** The ServiceRequest as an answer to a validation shows it: as it came, with the verdict as its status. */
export function judgedRequest({ focus, service }: Message, { code }: MessageAnswer): Resource {
  const { id, intent, category, subject, occurrencePeriod, authoredOn } = focus.resource as unknown as ServiceRequest;
  const [system, value] = endpointOf(service.dosServiceId).split('|');
  const performer = [{ type: 'HealthcareService', identifier: { system, value } }];
  const resource = { id, status: code === 'ok' ? 'active' : 'revoked', intent, category, subject, performer, occurrencePeriod, authoredOn };
  return { resourceType: 'ServiceRequest', ...Object.fromEntries(Object.entries(resource).filter(([, given]) => given !== undefined)) };
}
