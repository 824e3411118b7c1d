export { openEngines, type Engines } from './engines.js';
export { OTHERWISE, routesOf } from './routes.js';
export { NotStarted, ServiceProcess, type Witness } from './service-process.js';
export { setUp } from './set-up.js';
export { startApart, type Apart, type ApartOptions } from './start-apart.js';
