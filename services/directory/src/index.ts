export { PARTNER_SCOPES, smartConfiguration } from './issuer-discovery.js';
export { issuerTables } from './issuer-tables.js';
export { findClient, registerClient, suspendClient } from './issuer.store.js';
export { type Client } from './issuer.js';
export { registerDemoPartners, type KeyedPartner } from './partner-keys.service.js';
export { TokenEndpointModule } from './token-endpoint.module.js';
export { TokenEndpoint, type TokenEndpointOptions, type TokenGranted } from './token-endpoint.service.js';
export { DirectoryTables1700000000000 } from './migrations/directory.migration.js';
