import { crashPoint } from '@baton/kernel';
import { parkingMigration } from '@baton/messaging';
import type { Host, Service } from '@baton/service-host';
import { Module, type DynamicModule } from '@nestjs/common';
import { DeliveriesController, DeliveriesParts } from './deliveries.controller.js';
import { Deliverer } from './deliverer.js';
import { DELIVERY_SETTINGS, type DeliverySettings } from './delivery-settings.js';
import { DeliveryWorker } from './delivery.worker.js';
import { HandshakeWorker } from './handshake.worker.js';
import { withMessages } from './message-delivery.consumer.js';
import { messageDelivery, MessageDeliveryModule } from './message-delivery.module.js';
import { MessageDeliveryTables1700000000001 } from './message-delivery.tables.js';
import { NotificationsTables1700000000000 } from './migrations/1700000000000-notifications-tables.js';
import { notificationHandlers } from './notifications.consumer.js';
import { watchDeliveries } from './notifications.metrics.js';
import { Sender } from './sender.js';
import { SigningKeys } from './signing.store.js';
import { disableSubscription } from './subscription.store.js';
import { SUBSCRIPTION_OPERATIONS, subscriptionOperations } from './subscription-operations.controller.js';
import { subscriptionRules, type SubscriptionNeeds } from './subscriptions.rules.js';

@Module({})
class NotificationsModule {}

/** The workers of one process. @param settings quicker in tests */
export function deliveryWorkers(host: Host, settings: DeliverySettings = DELIVERY_SETTINGS): [DeliveryWorker, HandshakeWorker] {
  const { database: db, sealer, egress, fhirBase, clock, log } = host;
  const keys = new SigningKeys(sealer);
  const disable = async (subscription: string, error: string): Promise<void> => {
    if (!(await disableSubscription(db, subscription, error))) return;
    log.error('deliveries to a subscription have stopped', { key: subscription, rule: error });
    crashPoint('delivery.subscription-stopped');
  };
  const count = watchDeliveries(host);
  const deliverer = new Deliverer({ db, sender: new Sender(egress), sealer, keys, fhirBase, clock, settings, disable, count });
  return [new DeliveryWorker(db, log, deliverer, settings), new HandshakeWorker({ db, log, sender: new Sender(egress), sealer, keys, fhirBase, clock, everyMs: settings.idleMs })];
}

/** Set when the process starts: rules are made before there is a sealer or a policy. */
let needs: SubscriptionNeeds | undefined;

/** Gives the Subscription rules what they need; a process that composes them without this service's workers (gateway) calls it at its start. */
export function prepareNotifications({ sealer, egress }: SubscriptionNeeds): void {
  needs = { sealer, egress };
}

export const subscriptions = subscriptionRules(() => {
  if (!needs) throw new Error('Subscription rules were asked before prepareNotifications()');
  return needs;
});

/** The service `notifications`: Subscription, and telling partners what happened. */
export const notifications: Service = {
  name: 'notifications',
  migrations: [NotificationsTables1700000000000, MessageDeliveryTables1700000000001, parkingMigration('notifications')],
  types: [subscriptions],
  operations: SUBSCRIPTION_OPERATIONS,
  publishes: false,
  handlers: () => withMessages(notificationHandlers()),
  workers: (host) => [...deliveryWorkers(host), messageDelivery(host)],
  modules: (host): DynamicModule[] => [
    {
      module: NotificationsModule,
      controllers: [DeliveriesController, subscriptionOperations(host)],
      providers: [{ provide: DeliveriesParts, useValue: new DeliveriesParts(host.database, host.sealer) }],
    },
    MessageDeliveryModule.with(host),
  ],
  equip: async (host) => prepareNotifications(host),
};
