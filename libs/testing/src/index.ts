export { startTestCluster, type TestCluster } from './cluster.js';
export { COMPILED } from './compiled.js';
export { eventually } from './eventually.js';
export { freePort } from './free-port.js';
export { nhsNumber } from './nhs-number.js';
export { rebuilt } from './rebuilt.js';
export { createTestDatabase, databaseAt, type TestDatabase } from './test-database.js';
export { RECEIVERS, webhookReceiver, type ReceivedWebhook, type WebhookAnswer, type WebhookReceiver } from './webhook-receiver.js';
