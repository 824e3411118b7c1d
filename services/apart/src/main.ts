import { EngineUnavailable, HomeInUse, HomeUnusable } from '@baton/engines';
import { readConfig, runMain, say } from '@baton/service-host';
import { notices, unknownVariables, wholeConfig } from '@baton/standalone';
import { resolve } from 'node:path';
import { z } from 'zod';
import { openEngines } from './engines.js';
import { NotStarted } from './service-process.js';
import { startApart } from './start-apart.js';

const instances = z.string().regex(/^(?:[1-9]|1\d|20)$/, 'must be a number from 1 to 20').default('1').transform(Number);

const began = performance.now();

/** `npm run start:apart`: every service in a process of its own, `INSTANCES=n` of each. */
await runMain({
  name: 'Baton',
  start: async () => {
    unknownVariables(process.env).forEach(say);
    const { INSTANCES, ...config } = readConfig(wholeConfig(process.env).extend({ INSTANCES: instances }), process.env);
    const engines = await openEngines(resolve(config.BATON_HOME), config);
    try {
      const apart = await startApart({ config, instances: INSTANCES, engines });
      return { ...apart, engines, home: config.BATON_HOME, stop: () => apart.stop().then(() => engines.close()) };
    } catch (error) {
      await engines.close();
      throw error;
    }
  },
  ready: ({ address, fhirBase, home, processes, engines }) => [
    `Baton is ready after ${((performance.now() - began) / 1000).toFixed(1)} s, apart.`,
    `  FHIR     ${fhirBase}/metadata`,
    `  own APIs ${address}/docs`,
    `  data     ${home}`,
    `  events   ${engines.brokers === undefined ? `the log in PostgreSQL. ${engines.without ?? ''}` : `Kafka at ${engines.brokers}`}`,
    ...processes.map((each) => `  ${each.name.padEnd(14)} ${each.address} (process ${each.pid ?? 0}; /metrics and /health/ready of its own)`),
    ...notices(process.env).map((notice) => `  ${notice}`),
  ],
  expected: [EngineUnavailable, HomeInUse, HomeUnusable, NotStarted],
});
