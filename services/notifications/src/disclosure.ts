import type { Content } from './subscription.js';

/** `transition`: it changed · `shared`: it is yours to see now · `access-lost`: it no longer is. */
export type EventKind = 'transition' | 'shared' | 'access-lost';

/** A numbered event as it was queued. */
export interface QueuedEvent {
  readonly number: number;
  readonly kind: EventKind;
  readonly occurred: Date;
  /** References it names, the focus first, then its context. */
  readonly refs: readonly string[];
  /** Version of each as of the event; null where no version was meant. */
  readonly versions: readonly (number | null)[];
}

/** What a partner may see now of one reference. */
export interface SeenReference {
  /** Place among the event's references, 1 for the focus. */
  readonly place: number;
  readonly reference: string;
  readonly version: number;
  readonly deleted: boolean;
  /** JSON text of the present version, as this partner may see it. */
  readonly body: string;
}

/** One entry of a notification besides the status. */
export interface ToldEntry {
  readonly reference: string;
  readonly version: number;
  /** `lost`: no longer the partner's to see. */
  readonly is: 'present' | 'deleted' | 'lost';
  /** JSON text; missing where only the reference is told. */
  readonly body?: string;
}

/** One event as it may be told at this moment. */
export interface ToldEvent {
  readonly number: number;
  readonly occurred: Date;
  readonly focus?: string;
  readonly context: readonly string[];
  readonly entries: readonly ToldEntry[];
}

/**
 * What may be told of an event, given what the partner sees in this very snapshot. An event whose focus is hidden by now
 * is its number and nothing else. One whose version has been overtaken names its focus and brings no resource: the event
 * of the newer version does. The loss of access names what was lost, without content.
 */
export function tell(event: QueuedEvent, seen: readonly SeenReference[], content: Content): ToldEvent {
  const { number, occurred, kind } = event;
  const bare: ToldEvent = { number, occurred, context: [], entries: [] };
  const focus = event.refs[0]!;
  if (content === 'empty') return bare;
  if (kind === 'access-lost') return { ...bare, focus, entries: [{ reference: focus, version: event.versions[0] ?? 1, is: 'lost' }] };
  if (!seen.some(({ place }) => place === 1)) return bare;
  const bodies = content === 'full-resource' && !isOvertaken(event, seen);
  return {
    ...bare,
    focus,
    context: seen.filter(({ place }) => place > 1).map(({ reference }) => reference),
    entries: seen.map(({ reference, version, deleted, body }) => ({ reference, version, is: deleted ? 'deleted' : 'present', ...(bodies && !deleted ? { body } : {}) })),
  };
}

/** Whether anything the event names by version has a newer one. */
export const isOvertaken = (event: QueuedEvent, seen: readonly SeenReference[]): boolean =>
  seen.some(({ place, version }) => {
    const then = event.versions[place - 1];
    return then !== null && then !== undefined && version > then;
  });
