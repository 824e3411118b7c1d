import { PathwaysRefused } from '@baton/directory';
import { EngineUnavailable, HomeInUse, HomeUnusable } from '@baton/engines';
import { runMain, say } from '@baton/service-host';
import { notices, readStandaloneConfig, unknownVariables } from './configuration.js';
import { startStandalone } from './start-standalone.js';

const began = performance.now();

await runMain({
  name: 'Baton',
  start: async () => {
    unknownVariables(process.env).forEach(say);
    const config = readStandaloneConfig(process.env);
    return { ...(await startStandalone(config)), home: config.BATON_HOME };
  },
  ready: ({ fhirBase, address, home }) => [
    `Baton is ready after ${((performance.now() - began) / 1000).toFixed(1)} s.`,
    `  FHIR     ${fhirBase}/metadata`,
    `  own APIs ${address}/docs`,
    `  data     ${home}`,
    ...notices(process.env).map((notice) => `  ${notice}`),
  ],
  expected: [EngineUnavailable, HomeInUse, HomeUnusable, PathwaysRefused],
});
