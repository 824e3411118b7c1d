import { coding, STATUS_REASON } from '@baton/contracts';
import type { EntryRequest, Extension, Resource } from '@baton/fhir';
import { contentOf, read, type ResourceAnswer, type StoredRow } from '@baton/fhir-store';
import { refuse, Refused, type Caller, type Violation } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import { REQUEST_STATUS_REASON } from '@baton/referrals';
import type { Host } from '@baton/service-host';
import { withoutBody } from '../gateway.interactions.js';
import { carryOutAll, prepare, type Registry } from '../transaction.js';
import { inTermsOfMessage, type Carried } from './handover.js';
import { newAnswer, type MessageAnswer } from './message-answer.js';
import type { Message } from './message.js';
import { placeOf } from './message-entries.js';
import { claimMessage, referralOfMessage, settleMessage } from './message.store.js';

/**
 * Takes back a referral that came by an earlier message of the same sender: `revoked`, or `entered-in-error` for what should
 * not have been sent. Of the message only the status and its reason are read; anything else of the referral stays as it is.
 *
 * @throws Refused `unknown` where no message led to such a referral, `conflict` where it has changed since the sender read it
 */
export async function cancellation(tx: Tx, host: Pick<Host, 'fhirBase'>, registry: Registry, caller: Caller, message: Message, tolerated: readonly Violation[]): Promise<Carried> {
  await claimMessage(tx, caller, message);
  const { focus } = message;
  const id = await referralOfMessage(tx, caller, message);
  const row = id === undefined ? undefined : await read(tx, caller, 'ServiceRequest', id);
  if (!row) throw refuse('unknown', 'message-unknown', 'No message of yours led to such a referral: name the ServiceRequest by the id it was given here, or as that message did.', { at: [placeOf(focus)] });
  requireCurrent(focus.resource, row, placeOf(focus));

  const request: EntryRequest = { place: 0, interaction: 'update', method: 'PUT', type: 'ServiceRequest', id: row.id, fullUrl: focus.fullUrl, ifMatch: `W/"${row.version}"`, resource: takenBack(contentOf(row), focus.resource) };
  let written: ResourceAnswer;
  try {
    prepare(registry, caller, [request]);
    written = (await carryOutAll(tx, host, registry, caller, [request]))[0]!;
  } catch (error) {
    throw inTermsOfMessage(error instanceof Refused && error.kind === 'stale' ? new Refused('conflict', error.violations) : error, [{ entry: focus, resource: focus.resource }]);
  }
  await settleMessage(tx, caller, message, row.id);
  return {
    answer: newAnswer(tx.now, {
      code: 'ok',
      says: 'The referral was taken back; the service is told.',
      against: [],
      named: tolerated,
      written: [{ fullUrl: focus.fullUrl, answer: withoutBody(written) as MessageAnswer['written'][number]['answer'] }],
    }),
    bodies: [written.body],
  };
}

/** A sender that read the referral here says which version it saw; another one by now is the receiver's change. */
function requireCurrent({ id, meta }: Resource, row: StoredRow, at: string): void {
  if (id !== row.id) return;
  const { versionId, lastUpdated } = meta ?? {};
  const seen = /^\d+$/.test(versionId ?? '') ? Number(versionId) === row.version : lastUpdated === undefined || Date.parse(lastUpdated) >= row.last_updated.getTime();
  if (!seen) throw refuse('conflict', 'version-not-current', 'The referral has changed here since it was read: read it again, and decide anew.', { at: [`${at}.meta`] });
}

function takenBack(current: Resource, asked: Resource): Resource {
  const reasonOf = (resource: Resource) => ((resource['extension'] ?? []) as Extension[]).filter(({ url }) => url === REQUEST_STATUS_REASON);
  const others = ((current['extension'] ?? []) as Extension[]).filter(({ url }) => url !== REQUEST_STATUS_REASON);
  const reason = reasonOf(asked)[0] ?? { url: REQUEST_STATUS_REASON, valueCodeableConcept: { coding: [coding(STATUS_REASON, asked['status'] === 'revoked' ? 'other' : 'recorded-in-error')] } };
  return { ...current, status: asked['status'], extension: [...others, reason] };
}
