import type { Topic } from '@baton/contracts';
import type { Filter } from './topic-filter.js';

/** What a notification says of what happened: its number alone, references, or the resources too. */
export const CONTENTS = ['empty', 'id-only', 'full-resource'] as const;
export type Content = (typeof CONTENTS)[number];

/**
 * `requested`: the handshake is to come · `active`: told · `error`: deliveries stopped, numbers go on · `off`: ended by the
 * partner or by its `end`.
 */
export const STATUSES = ['requested', 'active', 'error', 'off'] as const;
export type SubscriptionStatus = (typeof STATUSES)[number];

/** What a Subscription asks for, as far as Baton acts on it. */
export interface SubscriptionSettings {
  readonly topic: Topic['name'];
  /** The topic's canonical, as the partner wrote it. */
  readonly canonical: string;
  readonly filters: readonly Filter[];
  readonly endpoint: string;
  readonly content: Content;
  /** MIME type of the body. */
  readonly payload: string;
  /** Header lines, `Name: value`; sealed ones stay as they are. */
  readonly headers: readonly string[];
  /** Seconds between signs of life, if asked for. */
  readonly heartbeatSeconds?: number;
  /** Seconds the partner wants to be waited for. */
  readonly timeoutSeconds?: number;
  readonly maxCount?: number;
  readonly end?: Date;
}

type Asked = SubscriptionStatus | undefined;

/**
 * The status that a change by its owner leads to. `error` and the way from `requested` to `active` are Baton's to say.
 *
 * @param before present status
 * @param asked status in the content that was sent
 * @param elsewhere the channel leads somewhere else now: who receives there must shake hands first
 * @returns undefined where the change is not the owner's to make
 */
export function statusAfter(before: SubscriptionStatus, asked: Asked, elsewhere: boolean): SubscriptionStatus | undefined {
  switch (asked) {
    case 'off':
    case 'requested':
      return asked;
    case 'active':
      if (before === 'off') return undefined;
      return before === 'requested' || elsewhere ? 'requested' : 'active';
    case 'error':
      return before !== 'error' ? undefined : elsewhere ? 'requested' : 'error';
    default:
      return undefined;
  }
}
