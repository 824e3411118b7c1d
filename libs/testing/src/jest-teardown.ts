import './jest-setup.js';

/** Jest's global teardown: the cluster of the run is stopped and removed. */
export default async function tearDown(): Promise<void> {
  await globalThis.batonTestCluster?.close();
}
