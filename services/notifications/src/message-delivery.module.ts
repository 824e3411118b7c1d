import type { Host, Worker } from '@baton/service-host';
import { Module, type DynamicModule } from '@nestjs/common';
import { statement } from '@baton/postgres';
import { DELIVERY_SETTINGS, type DeliverySettings } from './delivery-settings.js';
import { MessageDeliveryApi, MessageDeliveryController } from './message-delivery.controller.js';
import { messageAddress } from './message-delivery.endpoint.js';
import { MessageDeliveryWorker } from './message-delivery.worker.js';
import { Sender } from './sender.js';
import { SigningKeys } from './signing.store.js';

const PARKED = statement(`SELECT count(*)::int AS value FROM notifications.message_delivery WHERE state = 'parked'`);
const UNADDRESSED = statement(`SELECT count(*)::int AS value FROM notifications.message_delivery WHERE state = 'waiting' AND failure = 'no-address'`);

/** The worker that sends decisions as messages. @param settings quicker in tests */
export function messageDelivery(host: Host, settings: DeliverySettings = DELIVERY_SETTINGS): Worker {
  const { database: db, sealer, egress, clock, log, pages, fhirBase, metrics } = host;
  const gauge = (name: string, help: string, of: typeof PARKED) =>
    metrics.gauge(name, help, [], async (shown) => {
      const [row] = await db.query<{ value: number }>(of);
      shown.set(row!.value);
    });
  gauge('baton_messages_parked', 'Decisions that a sender of messages has not taken; to be sent again by hand', PARKED);
  gauge('baton_messages_without_address', 'Decisions for senders that registered no address for messages', UNADDRESSED);
  const attempts = metrics.counter('baton_message_deliveries_total', 'Attempts to deliver a message, by what came of them', ['outcome']);
  return new MessageDeliveryWorker({
    db,
    sealer,
    sender: new Sender(egress),
    keys: new SigningKeys(sealer),
    clock,
    log,
    settings,
    addressOf: (partner) => messageAddress(db, pages, fhirBase(), partner),
    count: (outcome) => attempts.inc({ outcome }),
  });
}

@Module({})
export class MessageDeliveryModule {
  static with(host: Pick<Host, 'database'>): DynamicModule {
    return { module: MessageDeliveryModule, controllers: [MessageDeliveryController], providers: [{ provide: MessageDeliveryApi, useValue: new MessageDeliveryApi(host.database) }] };
  }
}
