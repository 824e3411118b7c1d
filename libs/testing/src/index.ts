export { startTestCluster, type TestCluster } from './cluster.js';
export { eventually } from './eventually.js';
export { freePort } from './free-port.js';
export { createTestDatabase, type TestDatabase } from './test-database.js';
