export { exampleReferral, type ExampleOptions } from './example-referral.js';
export { SERVICES } from './services.js';
export { startStandalone, withLoopback } from './start-standalone.js';
