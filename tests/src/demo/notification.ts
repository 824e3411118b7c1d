/** What a partner's system takes from a notification (R5 Backport 1.1.0 on R4): one event of its subscription, or the handshake. */
export interface Notification {
  readonly type: string;
  /** Number of the event within the subscription; 0 for a handshake. */
  readonly number: number;
  /** `Type/id` of what the event is about, and of what belongs to it. */
  readonly focus: string | undefined;
  readonly context: readonly string[];
  /** Version of each resource when the notification was sent, by `Type/id`. */
  readonly versions: Readonly<Record<string, number>>;
  /** `Type/id` of what may no longer be seen. */
  readonly lost: readonly string[];
}

interface Parameter {
  readonly name: string;
  readonly part?: readonly Parameter[];
  readonly valueCode?: string;
  readonly valueString?: string;
  readonly valueReference?: { readonly reference: string };
}

interface NotificationBundle {
  readonly entry: readonly { readonly fullUrl?: string; readonly resource?: { readonly parameter?: readonly Parameter[] }; readonly response?: { readonly status: string; readonly etag?: string } }[];
}

/** Reads the Bundle of a notification. @param bundle as it was posted, its signature checked */
export function readNotification(bundle: unknown): Notification {
  const [status, ...entries] = (bundle as NotificationBundle).entry;
  const parameters = status?.resource?.parameter ?? [];
  const event = parameters.find(({ name }) => name === 'notification-event')?.part ?? [];
  const references = (name: string): string[] => event.filter((part) => part.name === name).map((part) => relative(part.valueReference?.reference ?? ''));
  return {
    type: parameters.find(({ name }) => name === 'type')?.valueCode ?? '',
    number: Number(event.find(({ name }) => name === 'event-number')?.valueString ?? 0),
    focus: references('focus')[0],
    context: references('additional-context'),
    versions: Object.fromEntries(entries.map(({ fullUrl, response }) => [relative(fullUrl ?? ''), Number(/\d+/.exec(response?.etag ?? '')?.[0] ?? 0)])),
    lost: entries.filter(({ response }) => response?.status === '410').map(({ fullUrl }) => relative(fullUrl ?? '')),
  };
}

const relative = (url: string): string => url.split('/').slice(-2).join('/');
