import { setTimeout as sleep } from 'node:timers/promises';
import { exampleReferral } from '@baton/standalone';
import type { ReceivedWebhook, WebhookReceiver } from '@baton/testing';
import { subscriptionOf, type Answer, type PartnerSystem } from '../partner-system.js';

const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';

/** Milliseconds within which everything must have come true: longer than a Baton needs that dies some sixty times meanwhile, and than what it then had in hand rests. */
const PATIENCE_MS = 400_000;

/** Asks again until the answer is the one that is wanted, through deaths and restarts. @throws naming the last answer, once patience is over */
export async function insist(what: string, ask: () => Promise<Answer>, wanted: (answer: Answer) => boolean): Promise<Answer> {
  let last = 'no answer';
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(100)) {
    const answer = await ask().catch((error: Error) => void (last = ((error.cause as Error | undefined) ?? error).message));
    if (answer && wanted(answer)) return answer;
    if (answer) last = `${answer.status} ${answer.text.slice(0, 300)}`;
  }
  throw new Error(`${what}: ${last}`);
}

export const is =
  (...statuses: number[]) =>
  ({ status }: Answer): boolean =>
    statuses.includes(status);

/** Numbers of the events a notification carries; none for handshakes and heartbeats. */
export function numbersIn(webhook: ReceivedWebhook): number[] {
  const { entry } = webhook.json() as { entry: { resource: { parameter: { name: string; part?: { name: string; valueString?: string }[] }[] } }[] };
  const events = entry[0]!.resource.parameter.filter(({ name }) => name === 'notification-event');
  return events.map(({ part }) => Number(part?.find(({ name }) => name === 'event-number')?.valueString));
}

/** `handshake`, `heartbeat`, `event-notification`. */
export function typeOf(webhook: ReceivedWebhook): string {
  const { entry } = webhook.json() as { entry: { resource: { parameter: { name: string; valueCode?: string }[] } }[] };
  return entry[0]!.resource.parameter.find(({ name }) => name === 'type')!.valueCode!;
}

export interface Wanted {
  readonly topic?: string;
  /** Seconds between signs of life. */
  readonly heartbeat?: number;
  /** Seconds after it was asked for. */
  readonly end?: number;
}

/** Subscribes a receiver under a key, and waits until the handshake is settled. @returns the id of the subscription */
export async function subscribe(system: PartnerSystem, receiver: WebhookReceiver, key: string, { topic = 'referral', heartbeat, end }: Wanted = {}): Promise<string> {
  const usual = subscriptionOf(topic, receiver.url, 'id-only') as { channel: object };
  const beat = heartbeat === undefined ? {} : { extension: [{ url: `${BACKPORT}/backport-heartbeat-period`, valueUnsignedInt: heartbeat }] };
  const body = { ...usual, channel: { ...usual.channel, ...beat } };
  // An end that is past is refused: asked again, it is another subscription.
  const ask = (): Promise<Answer> =>
    end === undefined ? system.post('Subscription', body, { 'idempotency-key': key }) : system.post('Subscription', { ...body, end: new Date(Date.now() + 1_000 * end).toISOString() });
  const made = await insist('subscribe', ask, is(201));
  const id = made.body.id as string;
  await insist('become active', () => system.get(`Subscription/${id}`), ({ body: now }) => ['active', 'off'].includes(now?.status as string));
  return id;
}

/** Refers a young person to Safe Zones under a key. @returns ids of Patient and ServiceRequest */
export async function refer(system: PartnerSystem, key: string, index: number): Promise<{ patient: string; request: string }> {
  const bundle = exampleReferral({ index, seed: 7, today: new Date(), priority: 'routine' });
  const { body } = await insist('refer', () => system.post('', bundle, { 'idempotency-key': key }), is(200));
  const [patient, , request] = body.entry.map(({ resource }: { resource: { id: string } }) => resource.id) as [string, string, string];
  return { patient, request };
}

/** An event as a partner's own list of deliveries has it. */
export interface Delivery {
  readonly id: string;
  readonly kind: string;
  /** CloudEvents type. */
  readonly event: string;
  readonly focus?: string;
  readonly state: string;
}

/** Waits until a subscription's list of deliveries is as wanted. @returns it, newest first */
export async function deliveries(system: PartnerSystem, subscription: string, what: string, wanted: (deliveries: readonly Delivery[]) => boolean): Promise<Delivery[]> {
  const list = `/api/notifications/v1/deliveries?subscription=${subscription}&limit=200`;
  const { body } = await insist(what, () => system.get(list), ({ status, body: now }) => status === 200 && wanted(now.deliveries as Delivery[]));
  return body.deliveries as Delivery[];
}

/** Waits for a webhook, however long Baton is away. */
export const arrival = (receiver: WebhookReceiver, wanted: (webhook: ReceivedWebhook) => boolean, count = 1): Promise<ReceivedWebhook[]> => receiver.waitFor(count, wanted, PATIENCE_MS);
