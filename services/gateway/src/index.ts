export { gateway } from './gateway.module.js';
export { capabilityStatement } from './capability-statement.js';
export { SERVICES } from './services.js';
export { transact } from './transaction.js';
