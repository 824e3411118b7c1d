export { bootstrap, DatabaseUnsuitable, dsnFor, type BootstrapOptions } from './bootstrap.js';
export { brokenConstraint, Database, isRetryable, isUnavailable, sqlState, type Ask, type DatabaseOptions, type Reader, type Tx } from './database.js';
export { roleOf, SCHEMAS, type Schema } from './names.js';
export { perSchema } from './per-schema.js';
export { type Projection, type Slice } from './projection.js';
export { secret } from './secrets.js';
export { shapedStatement, statement, type Statement } from './statement.js';
export { weave, type Fragment } from './fragment.js';
