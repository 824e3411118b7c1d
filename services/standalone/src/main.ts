import { EngineUnavailable, HomeInUse, HomeUnusable } from '@baton/engines';
import { PathwaysRefused } from '@baton/directory';
import { DatabaseUnsuitable } from '@baton/postgres';
import { ConfigurationError, type Running } from '@baton/service-host';
import { notices, readStandaloneConfig, unknownVariables } from './configuration.js';
import { startStandalone } from './start-standalone.js';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(`Baton runs on Node 24, which comes with the project; this is ${process.versions.node}. Start it with "npm start".\n`);
  process.exit(1);
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  const began = performance.now();
  unknownVariables(process.env).forEach(say);
  const config = readStandaloneConfig(process.env);
  const starting = startStandalone(config);
  // Asked to stop while it starts, it starts and then stops: a migration is not cut off, PostgreSQL is not left behind.
  let stopped: Promise<never> | undefined;
  const stop = (): void => {
    stopped ??= starting.then(stopInOrder, () => process.exit(1));
  };
  // Each time, not once: npm passes on a signal that its whole process group (Ctrl-C, timeout) has had already.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const baton = await starting;
  say(`Baton is ready after ${((performance.now() - began) / 1000).toFixed(1)} s.`);
  say(`  FHIR     ${baton.fhirBase}/metadata`);
  say(`  own APIs ${baton.address}/docs`);
  say(`  data     ${config.BATON_HOME}`);
  for (const notice of notices(process.env)) say(`  ${notice}`);
} catch (error) {
  say(whyNot(error));
  process.exit(1);
}

async function stopInOrder(baton: Running): Promise<never> {
  try {
    await baton.stop();
    say('Baton has stopped.');
    return process.exit(0);
  } catch (error) {
    say(`Baton did not stop in order: ${String(error)}`);
    return process.exit(1);
  }
}

/** What a person can act on; a stack only for what nobody foresaw. */
function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return `Baton could not start: ${String(error)}`;
  const expected = error instanceof ConfigurationError || error instanceof EngineUnavailable || error instanceof HomeInUse || error instanceof HomeUnusable || error instanceof DatabaseUnsuitable || error instanceof PathwaysRefused;
  return expected ? error.message : `Baton could not start: ${error.stack ?? error.message}`;
}
