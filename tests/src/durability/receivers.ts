import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { webhookReceiver, type ReceivedWebhook, type WebhookReceiver } from '@baton/testing';
import { subscriptionOf } from '../partner-system.js';
import type { CarefulPartner } from './careful-partner.js';
import type { Arrived } from './history.js';

/** A subscription of a partner, with a receiver that writes down what comes before it answers. */
export class RecordingReceiver {
  /** Numbers that arrived so far. */
  readonly numbers = new Set<number>();
  private constructor(
    readonly name: string,
    readonly partner: CarefulPartner,
    readonly subscription: string,
    private readonly receiver: WebhookReceiver,
    private readonly file: string,
  ) {}

  /** Subscribes, and returns once the handshake was answered. */
  static async open(name: string, partner: CarefulPartner, topic: string, content: 'id-only' | 'full-resource', folder: string): Promise<RecordingReceiver> {
    const { system } = partner;
    const made = await system.post('/api/notifications/v1/signing-secrets', {}, { 'content-type': 'application/json' });
    const receiver = await webhookReceiver({ secrets: [made.body.secret as string] });
    const subscribed = await system.post('Subscription', subscriptionOf(topic, receiver.url, content));
    if (subscribed.status !== 201) throw new Error(`${name} could not subscribe: ${subscribed.status} ${subscribed.text}`);
    await receiver.waitFor(1);
    const recording = new RecordingReceiver(name, partner, subscribed.body.id as string, receiver, join(folder, `webhooks-${name}.jsonl`));
    receiver.answerAlways((webhook) => {
      recording.write(webhook);
      return { status: 200 };
    });
    return recording;
  }

  /** What is written in the file. */
  arrived(): Arrived[] {
    if (this.numbers.size === 0) return [];
    return readFileSync(this.file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Arrived);
  }

  close(): Promise<void> {
    return this.receiver.close();
  }

  private write(webhook: ReceivedWebhook): void {
    const arrived = arrivedAs(this.name, webhook);
    if (!arrived) return;
    appendFileSync(this.file, `${JSON.stringify(arrived)}\n`);
    this.numbers.add(arrived.number);
  }
}

interface Parameter {
  readonly name: string;
  readonly valueCode?: string;
  readonly valueString?: string;
  readonly valueReference?: { readonly reference: string };
  readonly part?: readonly Parameter[];
}

interface Notification {
  readonly entry: readonly { readonly fullUrl: string; readonly resource?: { readonly parameter?: readonly Parameter[] }; readonly response: { readonly etag?: string } }[];
}

/** `http://…/fhir/R4/Task/1` → `Task/1`. */
const relative = (url: string): string => url.split('/').slice(-2).join('/');

/** An event notification as it is written down; handshakes are none. */
function arrivedAs(subscription: string, webhook: ReceivedWebhook): Arrived | undefined {
  const { entry } = webhook.json() as Notification;
  const parameters = entry[0]?.resource?.parameter ?? [];
  if (parameters.find(({ name }) => name === 'type')?.valueCode !== 'event-notification') return undefined;
  const parts = parameters.find(({ name }) => name === 'notification-event')?.part ?? [];
  const focus = parts.find(({ name }) => name === 'focus')?.valueReference;
  return {
    subscription,
    at: webhook.at,
    webhookId: String(webhook.headers['webhook-id']),
    number: Number(parts.find(({ name }) => name === 'event-number')?.valueString),
    ...(focus ? { focus: relative(focus.reference) } : {}),
    versions: Object.fromEntries(entry.slice(1).map(({ fullUrl, response }) => [relative(fullUrl), Number(/\d+/.exec(response.etag ?? '')?.[0] ?? 0)])),
    signed: webhook.signature === 'valid',
  };
}
