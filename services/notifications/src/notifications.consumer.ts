import { EVENTS, TOPICS, type BatonEvent, type DecisionFacts, type RecordFacts, type SharingFacts, type Topic } from '@baton/contracts';
import { idOf, type ServiceRequest, type Task } from '@baton/fhir';
import { contentOf, read, referralRows } from '@baton/fhir-store';
import { batonActs } from '@baton/kernel';
import type { Handler, Handlers } from '@baton/messaging';
import type { Tx } from '@baton/postgres';
import { listening, queueAccessLost, queueTiding } from './queue.store.js';
import { decisionTidings, recordTiding, referralTiding, refusedTiding, sharedTiding, type PresentReferral } from './tiding.js';

/** Event → what is queued because of it. Every event of a topic has a handler: the table follows from the contract. */
export function notificationHandlers(): Handlers {
  const handlers: Record<string, Handler> = {
    'baton.consent.sharing-allowed.v1': onShared,
    'baton.consent.sharing-refused.v1': onRefused,
    'baton.consent.sharing-withdrawn.v1': onWithdrawn,
    'baton.consent.decision-recorded.v1': onDecision,
    'baton.consent.decision-amended.v1': onDecision,
  };
  for (const { type, topic } of EVENTS) {
    if (handlers[type]) continue;
    const about = TOPICS.find(({ events }) => events.includes(type));
    if (topic === 'baton.referrals.referral') handlers[type] = async (tx, event) => void (await queueTiding(tx, event, referralTiding(event)));
    else if (about) handlers[type] = (tx, event) => onRecord(tx, about, event);
  }
  return handlers;
}

/** The version of the moment is told to those who gained: whether the referral's own events came before or come later. */
async function onShared(tx: Tx, event: BatonEvent): Promise<void> {
  if ((event.data as SharingFacts).gained.length === 0) return;
  await queueTiding(tx, event, sharedTiding(event, await present(tx, event)));
}

async function onRefused(tx: Tx, event: BatonEvent): Promise<void> {
  await queueTiding(tx, event, refusedTiding(event, await present(tx, event)));
}

async function onWithdrawn(tx: Tx, event: BatonEvent): Promise<void> {
  const { referral, patient, lost } = event.data as SharingFacts;
  if (lost.length > 0) await queueAccessLost(tx, event, { partners: lost, referral, patient });
}

/** A decision opens things, and may shut others that a subscription was told of. */
async function onDecision(tx: Tx, event: BatonEvent): Promise<void> {
  const { effect, status, patient } = event.data as DecisionFacts;
  const shuts = effect === 'deny' || status !== 'active';
  await Promise.all([...decisionTidings(event).map((tiding) => queueTiding(tx, event, tiding)), ...(shuts ? [queueAccessLost(tx, event, { patient })] : [])]);
}

async function onRecord(tx: Tx, topic: Topic, event: BatonEvent): Promise<void> {
  const tiding = recordTiding(topic.name, event);
  await queueTiding(tx, event, { ...tiding, facts: await completed(tx, topic, event) });
}

/** Facts that filters ask for and the event lacks are read from the present version. */
async function completed(tx: Tx, topic: Topic, event: BatonEvent): Promise<Record<string, unknown>> {
  const facts = event.data as RecordFacts;
  const asked = (await listening(tx)).some((one) => one.topic === topic.name && one.filters.some(({ field }) => field === 'status'));
  if (facts.status !== undefined || !asked) return facts;
  const [type = '', id = ''] = facts.resource.split('/');
  const row = await read(tx, acting(event), type, id);
  return row === undefined || row.deleted ? facts : { ...facts, status: contentOf(row)['status'] };
}

const acting = (event: BatonEvent) => batonActs({ requestId: event.id, correlationId: event.correlationId, traceparent: event.traceparent });

/** The referral of a verdict as it is now, once the subscriptions are locked. Consent's events do not repeat what referrals says of it. */
async function present(tx: Tx, event: BatonEvent): Promise<PresentReferral> {
  const { referral, patient } = event.data as SharingFacts;
  const [, rows] = await Promise.all([listening(tx), referralRows(tx, patient, referral)]);
  const request = rows.find(({ type, id }) => type === 'ServiceRequest' && id === referral);
  const task = rows.find(({ type }) => type === 'Task');
  const { priority, performer } = (request ? contentOf(request) : {}) as Partial<ServiceRequest>;
  const { status, businessStatus } = (task ? contentOf(task) : {}) as Partial<Task>;
  const service = performer?.map(({ reference }) => idOf(reference, 'HealthcareService')).find((id) => id !== undefined);
  return {
    versions: [request?.version ?? 1, task?.version ?? null],
    ...(task ? { task: task.id } : {}),
    facts: { priority: priority ?? 'routine', status, businessStatus: businessStatus?.coding?.[0]?.code, service },
  };
}
