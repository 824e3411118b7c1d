export type { Report, Trouble } from './exchange.js';
export { startProxy, type Proxy, type ProxyOptions } from './proxy.js';
export type { Route } from './routes.js';
