import { crashPoint, refuse, type Caller } from '@baton/kernel';
import { sqlState, statement, type Tx } from '@baton/postgres';
import type { Message } from './message.js';

const WAIT = statement(`SELECT set_config('lock_timeout', $1, true)`);

const INSERT = statement(`INSERT INTO gateway.message (partner, bundle, request_id, correlation_id, kind, reason, focus_url, source, destination)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb) ON CONFLICT DO NOTHING RETURNING bundle`);

const BEFORE = statement(`SELECT service_request FROM gateway.message WHERE partner = $1 AND bundle = $2`);

/**
 * Claims a message for this transaction. A twin that is still in work is waited for, 5 s at most.
 *
 * @throws Refused `too-early` while a twin is in work, `duplicate` if the message was carried out before
 */
export async function claimMessage(tx: Tx, caller: Caller, { request, kind, focus }: Message): Promise<void> {
  await tx.query(WAIT, ['5s']);
  let claimed: object[];
  try {
    const { requestId, correlationId, partner } = caller;
    claimed = await tx.query(INSERT, [partner, request.bundle, requestId, correlationId, kind, request.reason, focus.fullUrl, JSON.stringify(request.source), JSON.stringify(request.destination)]);
  } catch (error) {
    if (sqlState(error) === '55P03') throw refuse('too-early', 'message-in-work', 'This message is still in work; send it again in a moment.', { at: ['Bundle.id'] });
    throw error;
  }
  crashPoint('message.claimed');
  await tx.query(WAIT, ['0']);
  if (claimed.length > 0) return;
  const [before] = await tx.query<{ service_request: string | null }>(BEFORE, [caller.partner, request.bundle]);
  const see = before?.service_request;
  throw refuse('duplicate', 'message-processed-already', 'A message of this Bundle.id was carried out already; a new message has a new one.', { at: ['Bundle.id'], code: 'duplicate', ...(see ? { see: `ServiceRequest/${see}` } : {}) });
}

/** Notes what a claimed message led to. */
export async function settleMessage(tx: Tx, caller: Caller, { request }: Message, serviceRequest: string): Promise<void> {
  await tx.query(statement(`UPDATE gateway.message SET service_request = $3 WHERE partner = $1 AND bundle = $2`), [caller.partner, request.bundle, serviceRequest]);
  crashPoint('message.settled');
}

const ORIGIN = statement(`SELECT service_request FROM gateway.message
  WHERE partner = $1 AND kind = 'referral' AND (service_request = $2 OR ($3 AND focus_url = $4)) ORDER BY at DESC LIMIT 1`);

/**
 * The referral that an earlier message of the same sender led to, by the id it was given here or else by what the ServiceRequest
 * is called in both messages.
 */
export async function referralOfMessage(tx: Tx, caller: Caller, { focus }: Message): Promise<string | undefined> {
  const { id } = focus.resource;
  const [row] = await tx.query<{ service_request: string }>(ORIGIN, [caller.partner, id ?? '', id === undefined, focus.fullUrl]);
  return row?.service_request;
}
