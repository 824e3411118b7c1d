export { errorFields, openLog, type Log, type LogFields } from './log.js';
export { Metrics } from './metrics.js';
export type { AuthenticatedRequest, Host, Service, Worker } from './service.js';
