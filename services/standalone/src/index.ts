export { withLoopback } from './configuration.js';
export { exampleReferral, type ExampleOptions } from './example-referral.js';
export { wantsHelp } from './help.js';
export { openParked, type ParkedEvents } from './parked-events.js';
export { startStandalone } from './start-standalone.js';
