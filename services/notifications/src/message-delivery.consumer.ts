import type { BatonEvent } from '@baton/contracts';
import type { Handlers } from '@baton/messaging';
import type { Tx } from '@baton/postgres';
import { decidedBy, MESSAGE_EVENTS } from './message-delivery.js';
import { queueDecision } from './message-delivery.store.js';

/** The handlers, and with each that may concern the sender of a message, its queueing: in the same transaction. */
export function withMessages(handlers: Handlers): Handlers {
  const all: Handlers = { ...handlers };
  for (const type of MESSAGE_EVENTS) {
    const own = handlers[type];
    (all as Record<string, (tx: Tx, event: BatonEvent) => Promise<void>>)[type] = async (tx, event) => {
      const decided = decidedBy(event);
      await Promise.all([decided && queueDecision(tx, decided), own?.(tx, event)]);
    };
  }
  return all;
}
