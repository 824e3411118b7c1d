import { eventually, type ReceivedWebhook, type WebhookReceiver } from '@baton/testing';

/** A notification as its receiver reads it (R5 Backport 1.1.0 on R4). */
export interface Notification {
  readonly type: string;
  /** Event number within the subscription. */
  readonly number: number;
  /** `Type/id`; nothing where the content may not be told. */
  readonly focus: string | undefined;
  readonly context: readonly string[];
  /** Bodies that came along, by `Type/id`. */
  readonly resources: ReadonlyMap<string, Record<string, unknown>>;
  /** HTTP status in the entry of each reference. */
  readonly entries: ReadonlyMap<string, string>;
}

interface Part {
  readonly name: string;
  readonly valueString?: string;
  readonly valueCode?: string;
  readonly valueReference?: { readonly reference: string };
  readonly part?: readonly Part[];
}

interface NotificationBundle {
  readonly entry: readonly { readonly fullUrl: string; readonly resource?: Record<string, unknown>; readonly response: { readonly status: string } }[];
}

const relative = (reference: string): string => reference.split('/').slice(-2).join('/');

/** Reads what came. */
export function notification(webhook: Pick<ReceivedWebhook, 'json'>): Notification {
  const [status, ...entries] = (webhook.json() as NotificationBundle).entry;
  const parameters = status!.resource!['parameter'] as readonly Part[];
  const event = parameters.find(({ name }) => name === 'notification-event')?.part ?? [];
  const references = (name: string) => event.filter((part) => part.name === name).map((part) => relative(part.valueReference!.reference));
  return {
    type: parameters.find(({ name }) => name === 'type')!.valueCode!,
    number: Number(event.find(({ name }) => name === 'event-number')?.valueString ?? 0),
    focus: references('focus')[0],
    context: references('additional-context'),
    resources: new Map(entries.flatMap(({ fullUrl, resource }) => (resource ? [[relative(fullUrl), resource] as const] : []))),
    entries: new Map(entries.map(({ fullUrl, response }) => [relative(fullUrl), response.status])),
  };
}

/** Whether a webhook tells of this resource. */
export const about = (focus: string) => (webhook: ReceivedWebhook): boolean => notification(webhook).focus === focus;

/** Waits for the first notification that fits. */
export async function heard(receiver: Pick<WebhookReceiver, 'received'>, fits: (told: Notification) => boolean): Promise<Notification> {
  const find = () => receiver.received.map(notification).find(fits);
  await eventually(() => find() !== undefined, { within: 10_000 });
  return find()!;
}
