import { EngineUnavailable, HomeInUse } from '@baton/engines';
import { PathwaysRefused } from '@baton/directory';
import { DatabaseUnsuitable } from '@baton/postgres';
import { ConfigurationError } from '@baton/service-host';
import { notices, readStandaloneConfig } from './configuration.js';
import { startStandalone } from './start-standalone.js';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(`Baton runs on Node 24, which comes with the project; this is ${process.versions.node}. Start it with "npm start".\n`);
  process.exit(1);
}

try {
  const began = performance.now();
  const config = readStandaloneConfig(process.env);
  const starting = startStandalone(config);
  // Asked to stop while it starts, it starts and then stops: a migration is not cut off, PostgreSQL is not left behind.
  let stopped: Promise<never> | undefined;
  const stop = (): void => {
    stopped ??= starting.then((running) => running.stop()).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  const baton = await starting;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  say(`Baton is ready after ${((performance.now() - began) / 1000).toFixed(1)} s.`);
  say(`  FHIR     ${baton.fhirBase}/metadata`);
  say(`  own APIs ${baton.address}/docs`);
  say(`  data     ${config.BATON_HOME}`);
  for (const notice of notices(process.env)) say(`  ${notice}`);
} catch (error) {
  process.stderr.write(`${whyNot(error)}\n`);
  process.exit(1);
}

/** What a person can act on; a stack only for what nobody foresaw. */
function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return `Baton could not start: ${String(error)}`;
  const { code, port } = error as { code?: string; port?: number };
  if (code === 'EADDRINUSE') return `Port ${port} is taken by another program. Stop it, or give Baton another one: BATON_PORT=…`;
  const expected = error instanceof ConfigurationError || error instanceof EngineUnavailable || error instanceof HomeInUse || error instanceof DatabaseUnsuitable || error instanceof PathwaysRefused;
  return expected ? error.message : `Baton could not start: ${error.stack ?? error.message}`;
}
