export { gateway } from './gateway.module.js';
export { capabilityStatement } from './capability-statement.js';
export { transact } from './transaction.js';
