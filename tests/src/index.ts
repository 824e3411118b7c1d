export { startBaton, type BatonUnderTest } from './baton-under-test.js';
export { PartnerSystem, subscriptionOf, type Answer, type Receiver } from './partner-system.js';
