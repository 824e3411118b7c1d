import { refuse } from '@baton/kernel';
import type { PlaceInList } from '@baton/messaging';
import { z } from 'zod';

const time = z.iso.datetime();
const topic = z.string().min(1).max(200);
const key = z.string().min(1).max(200);
const error = z.string().min(1).max(500);
const cursor = z.string().max(1_000);
const limit = z.coerce.number().int().min(1).max(200).default(50);

const Event = z.object({
  id: z.uuid(),
  type: z.string(),
  version: z.number().int().meta({ description: "The aggregate's version; 0 for what is no event" }),
  from: z.string().meta({ description: '`<partition>/<offset>` of its topic' }),
  unreadable: z.string().optional().meta({ description: 'Why it is no event' }),
  time,
  parkedAt: time,
  correlationId: z.string(),
  causationId: z.string(),
  traceparent: z.string().optional().meta({ description: 'W3C trace context' }),
});

const Key = z.object({
  topic,
  key,
  error: error.meta({ description: 'Class of the failure: names and codes. `Unreadable`, `WrongSchema` with the places that are wrong, `NewerMajor` and `OlderMajor` (another version of the service handles it), `Waiting` (not tried since its predecessor was discarded), or the class of what a handler threw' }),
  attempts: z.number().int(),
  firstSeen: time,
  lastSeen: time,
  waiting: z.number().int().meta({ description: 'Events that are parked, the failed one included' }),
});

export const ParkedPage = z
  .object({ parked: z.array(Key.extend({ failed: Event.optional().meta({ description: 'The event it stumbled on' }) })), next: cursor.optional().meta({ description: 'Cursor of the next page, if there is one' }) })
  .meta({ id: 'ParkedPage' });
export type ParkedPage = z.infer<typeof ParkedPage>;

export const ParkedKeyView = Key.extend({ events: z.array(Event).meta({ description: 'In order, the failed one first; 200 at most' }) }).meta({ id: 'ParkedKey' });
export type ParkedKeyView = z.infer<typeof ParkedKeyView>;

export const OpenedEventView = Event.extend({ topic, key, data: z.record(z.string(), z.unknown()) }).meta({ id: 'OpenedEvent' });

export const Groups = z
  .object({ groups: z.array(z.object({ topic, error, keys: z.number().int(), events: z.number().int(), oldest: time, newest: time })) })
  .meta({ id: 'ParkedGroups' });
export type Groups = z.infer<typeof Groups>;

export const Retry = z
  .object({
    id: z.uuid(),
    topic: topic.optional(),
    key: key.optional(),
    error: error.optional(),
    startedBy: z.string(),
    state: z.enum(['running', 'done', 'stopped']).meta({ description: '`stopped`: the process that did it ended; start it again' }),
    total: z.number().int().meta({ description: 'Keys that fitted when it began' }),
    done: z.number().int().meta({ description: 'Keys that are open now' }),
    failed: z.number().int().meta({ description: 'Keys that an event stopped again' }),
    applied: z.number().int().meta({ description: 'Events that took effect' }),
    lastError: error.optional(),
    startedAt: time,
    endedAt: time.optional(),
  })
  .meta({ id: 'ParkedRetry' });
export type Retry = z.infer<typeof Retry>;
export const Retries = z.object({ retries: z.array(Retry) }).meta({ id: 'ParkedRetries' });

const Discarded = Event.extend({ topic, key, error, attempts: z.number().int(), reason: z.string(), discardedBy: z.string(), discardedAt: time });

export const DiscardedPage = z.object({ discarded: z.array(Discarded), next: cursor.optional() }).meta({ id: 'DiscardedPage' });
export type DiscardedPage = z.infer<typeof DiscardedPage>;

export const GaveUp = z.object({ events: z.number().int() }).meta({ id: 'DiscardedCount' });
export const Restored = z.object({ topic, key }).meta({ id: 'RestoredEvent' });

export const ListQuery = z.strictObject({ error: error.optional(), topic: topic.optional(), cursor: cursor.optional(), limit });
export const DiscardedQuery = z.strictObject({ cursor: cursor.optional(), limit });

const reason = z.string().trim().min(1).max(500).meta({ description: 'Kept with what is given up. No names, no content: it stays in the database' });
export const DiscardRequest = z.strictObject({ reason }).meta({ id: 'DiscardRequest' });
export const GroupDiscardRequest = z.strictObject({ topic: topic.optional(), error: error.optional(), reason }).meta({ id: 'GroupDiscardRequest' });
export const RetryRequest = z
  .strictObject({ topic: topic.optional(), key: key.optional(), error: error.optional() })
  .refine((filter) => filter.key === undefined || filter.topic !== undefined, { path: ['topic'], message: 'A key is one of a topic: name both' })
  .meta({ id: 'RetryRequest', description: 'Which keys: all that fit what is given, every one for `{}`' });

const Place = z.tuple([z.string().regex(/^\d{1,16}$/), topic, key]);

/** A place in a list as a caller carries it. */
export const cursorOf = ({ at, topic: of, key: which }: PlaceInList): string => Buffer.from(JSON.stringify([at, of, which])).toString('base64url');

/** @throws Refused `malformed` if it is none that was given here */
export function placeOf(given: string | undefined): PlaceInList | undefined {
  if (given === undefined) return undefined;
  try {
    const [at, of, which] = Place.parse(JSON.parse(Buffer.from(given, 'base64url').toString()));
    return { at, topic: of, key: which };
  } catch {
    throw refuse('malformed', 'parameter-malformed', 'cursor: use the one of the page before.');
  }
}
