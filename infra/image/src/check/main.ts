import { parseArgs } from 'node:util';
import { Deployment, type Place } from './deployment.js';
import { findEngine, NoEngine, stopOurs, type Engine } from './engine.js';
import { makeImages } from './images.js';
import { run } from './programs.js';
import { referAndAccept } from './smoke.js';

const USAGE = `Usage: npm run check:compose -- [--install] [--then command] [--keep] [--only-up] [--down]

Runs docker-compose.yml for real: starts it, refers and accepts, kills containers and sees them come back, takes it down.
  --install   installs Docker from Debian's archive where it is missing (CI=true: always)
  --then      a shell command to run against it, with BATON_ADDRESS, BATON_HOME, BATON_RECEIVERS, BATON_PROCESSES, BATON_RESTART;
              may be given several times; each finds empty volumes
  --keep      leaves it running at the end
  --only-up   starts it and leaves it running
  --down      takes down what --keep or --only-up left
`;
const { values } = parseArgs({ options: { install: { type: 'boolean', default: false }, then: { type: 'string', multiple: true, default: [] }, keep: { type: 'boolean', default: false }, 'only-up': { type: 'boolean', default: false }, down: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const CI = process.env['CI'] === 'true';
/** A service, and both engines. */
const KILLED = ['referrals', 'postgres', 'kafka'];

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));

const began = performance.now();
const say = (line: string): void => void process.stderr.write(`[${((performance.now() - began) / 1000).toFixed(0).padStart(3)} s] ${line}\n`);

/** What a program that tests it from outside needs to know. */
const variablesOf = ({ address, home, receivers, processes, restart }: Place): Record<string, string> => ({ BATON_ADDRESS: address, BATON_HOME: home, BATON_RECEIVERS: receivers, BATON_PROCESSES: processes.join(','), BATON_RESTART: restart });

async function check(deployment: Deployment, place: Place): Promise<void> {
  let young = 0;
  await referAndAccept(place, young++);
  say('ok: a referral is accepted');
  for (const service of KILLED) {
    const ms = await deployment.kill(service);
    await deployment.ready();
    await referAndAccept(place, young++);
    say(`ok: ${service} was killed, came back healthy after ${(ms / 1000).toFixed(1)} s, and a referral is accepted`);
  }
  const failed: string[] = [];
  for (const command of values.then) {
    await deployment.up(stopping.signal);
    const now = await deployment.place();
    const { code } = await run('sh', ['-c', command], { shown: true, signal: stopping.signal, env: variablesOf(now) });
    stopping.signal.throwIfAborted();
    say(`${code === 0 ? 'ok' : 'NOT ok'}: ${command}`);
    if (code !== 0) failed.push(`${command} ended with ${code ?? 'a signal'}`);
  }
  if (failed.length > 0) throw new Error(failed.join('\n'));
}

/** @returns whether it is to be left running */
async function runOn(engine: Engine): Promise<boolean> {
  const images = await makeImages(engine, stopping.signal, say);
  say(`images: ${Object.values(images).join(', ')}`);
  const deployment = await Deployment.on(engine, images);
  let kept = false;
  try {
    await deployment.up(stopping.signal);
    const place = await deployment.place();
    say('ok: every container is up, and Baton is ready');
    for (const [name, value] of Object.entries(variablesOf(place))) process.stdout.write(`${name}=${value}\n`);
    if (!values['only-up']) await check(deployment, place);
    stopping.signal.throwIfAborted();
    return (kept = values.keep || values['only-up']);
  } catch (error) {
    if (!stopping.signal.aborted) process.stderr.write(`${await deployment.report()}\n`);
    throw error;
  } finally {
    if (!kept) await deployment.down();
  }
}

async function main(): Promise<void> {
  const engine = await findEngine({ install: CI || values.install, signal: stopping.signal });
  say(`${engine.name} answers; ${engine.compose.join(' ')}`);
  let kept = false;
  try {
    if (values.down) await (await Deployment.on(engine)).down();
    else kept = await runOn(engine);
  } finally {
    if (!kept) await engine.stop();
  }
  say(kept ? 'it goes on running; npm run check:compose -- --down ends it' : 'everything is taken down');
}

try {
  await main();
} catch (error) {
  if (stopping.signal.aborted) {
    say('it was asked to stop; everything is taken down');
    process.exit(130);
  }
  if (!(error instanceof NoEngine)) throw error;
  await stopOurs();
  process.stderr.write(`docker-compose.yml was NOT checked. ${error.message}\n`);
  process.exit(CI && error.avoidable ? 1 : 0);
}
