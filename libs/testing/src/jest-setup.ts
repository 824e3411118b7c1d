import { startTestCluster, type TestCluster } from './cluster.js';

declare global {
  var batonTestCluster: TestCluster | undefined;
}

/** Jest's global setup: one PostgreSQL for the run; the workers find it by their environment. */
export default async function setUp(): Promise<void> {
  const cluster = await startTestCluster();
  globalThis.batonTestCluster = cluster;
  process.env['BATON_TEST_ADMIN_DSN'] = cluster.adminDsn;
  process.env['BATON_TEST_SECRETS'] = cluster.secretsDir;
  process.env['BATON_TEST_TEMPLATE'] = cluster.template;
}
