export { HomeUnusable, makeHome } from './home.js';
export { HomeInUse, lockHome } from './home-lock.js';
export { type Restart, type Trouble } from './postmaster.js';
export { serverArguments } from './settings.js';
export { startPostgres, type EmbeddedPostgres, type StartPostgresOptions } from './start-postgres.js';
export { EngineUnavailable } from './unavailable.js';
