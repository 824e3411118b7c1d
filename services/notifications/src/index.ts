export { restoreHeaders } from './channel-headers.js';
export { DELIVERY_SETTINGS, type DeliverySettings } from './delivery-settings.js';
export { SCHEDULE, type Schedule } from './delivery.js';
export { NotificationsTables1700000000000 } from './migrations/1700000000000-notifications-tables.js';
export { notificationHandlers } from './notifications.consumer.js';
export { deliveryWorkers, notifications, prepareNotifications, subscriptions } from './notifications.module.js';
export { subscriptionEvents, type EventsQuery } from './subscription-events.service.js';
export { subscriptionStatus, type StatusQuery } from './subscription-status.service.js';
export type { SubscriptionNeeds } from './subscriptions.rules.js';
