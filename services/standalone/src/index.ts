export { dsnsOf } from './admin-dsn.js';
export { notices, refuseBrokers, unknownVariables, wholeConfig, withLoopback } from './configuration.js';
export { exampleReferral, type ExampleOptions } from './example-referral.js';
export { wantsHelp } from './help.js';
export { openHomeDatabase, type HomeDatabase } from './home-database.js';
export { openParked, type ParkedEvents } from './parked-events.js';
export { startStandalone } from './start-standalone.js';
