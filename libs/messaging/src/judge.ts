import { EVENTS, type BatonEvent } from '@baton/contracts';
import type { Tx } from '@baton/postgres';
import { majorOf } from './envelope.js';
import { CannotBeHandled } from './failure.js';
import type { Received } from './transport.js';

/** What a service does because of an event: everything through the transaction, nothing outside it. May run again after a rollback. */
export type Handler = (tx: Tx, event: BatonEvent) => Promise<void>;

/** Event type → handler. Topics follow from the contract. */
export type Handlers = Readonly<Record<string, Handler>>;

/** Classes of what no handler can take, whatever it does. `Unreadable` and `WrongSchema` say more behind a colon. */
export const NEWER_MAJOR = 'NewerMajor';
export const OLDER_MAJOR = 'OlderMajor';

/** An event as it was received or parked. */
export type Judged = Pick<Received, 'event' | 'unreadable'>;

/** Places in data that an error class names at most. */
const PLACES_AT_MOST = 5;

const contractOf = new Map(EVENTS.map(({ type, data }) => [type, data]));

/** Says of each event, before any handler sees it, whether one can; the same for the consumer and for a redrive. */
export class Judge {
  /** Name of a handled type without its major version → the major versions that are handled. */
  private readonly majors = new Map<string, number[]>();

  constructor(readonly handlers: Handlers) {
    for (const type of Object.keys(handlers)) {
      const { name, major } = majorOf(type) ?? { name: type, major: 0 };
      this.majors.set(name, [...(this.majors.get(name) ?? []), major]);
    }
  }

  /** Somebody here handles this type in this major version. */
  handles({ type }: BatonEvent): boolean {
    return Object.hasOwn(this.handlers, type);
  }

  /**
   * Why an event that concerns this consumer cannot be handled by it: the class of the error, which names places in the data and never
   * holds a value. Nothing for what can be handled, and for a type that nobody here handles in any version.
   */
  whyNot({ event, unreadable }: Judged): string | undefined {
    if (unreadable !== undefined) return `Unreadable: ${unreadable}`;
    return this.handles(event) ? wrongSchema(event) : this.otherMajor(event);
  }

  /** Lets the handler take an event. @throws CannotBeHandled if none here can; what the handler throws */
  async apply(tx: Tx, judged: Judged): Promise<void> {
    const why = this.whyNot(judged) ?? (this.handles(judged.event) ? undefined : 'NoHandler');
    if (why !== undefined) throw new CannotBeHandled(why);
    await this.handlers[judged.event.type]!(tx, judged.event);
  }

  private otherMajor({ type }: BatonEvent): string | undefined {
    const of = majorOf(type);
    const majors = of && this.majors.get(of.name);
    if (!majors) return undefined;
    return of.major > Math.max(...majors) ? NEWER_MAJOR : OLDER_MAJOR;
  }
}

/** Unknown fields are no fault: within a major version contracts only grow. */
function wrongSchema({ type, data }: BatonEvent): string | undefined {
  const read = contractOf.get(type)?.safeParse(data);
  if (!read || read.success) return undefined;
  const places = [...new Set(read.error.issues.map(({ path }) => path.join('.')))].sort();
  return `WrongSchema: ${places.slice(0, PLACES_AT_MOST).join(', ')}${places.length > PLACES_AT_MOST ? ', …' : ''}`;
}
