import { Refused } from '@baton/kernel';
import type { Parked } from '@baton/messaging';
import { dsnsOf } from './admin-dsn.js';
import { readStandaloneConfig } from './configuration.js';
import { endWithUsage, wantsHelp } from './help.js';
import { LISTENING, openParked, type ParkedEvents } from './parked-events.js';

const USAGE = `Usage:
  npm run -s parked                                                     lists what services could not apply
  npm run -s parked -- retry <service> [<topic> <key>]                  applies it, in order
  npm run -s parked -- discard <service> <topic> <key> <event> <reason> gives one event up, for good
Services: ${LISTENING.map(({ name }) => name).join(', ')}
`;

/** `npm run -s parked`: what services could not apply, for whoever is on call; ids and codes only. Exit 1 while anything stays parked. */
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const [command = 'list', ...args] = process.argv.slice(2);
const [service = '', topic = '', key = '', event = '', ...reason] = args;
const fits = command === 'list' ? args.length === 0 : command === 'retry' ? args.length === 1 || args.length === 3 : command === 'discard' && args.length >= 5;
if (wantsHelp(process.argv) || !fits) endWithUsage(USAGE);
try {
  const events = await openParked(await dsnsOf(readStandaloneConfig(process.env)));
  process.exitCode = await carryOut(events).finally(() => events.close());
} catch (error) {
  process.stderr.write(`${whyNot(error)}\n`);
  process.exit(1);
}

function whyNot(error: unknown): string {
  if (error instanceof Refused) return error.violations.map(({ says }) => says).join(' ');
  const { code = '', message } = error as NodeJS.ErrnoException;
  // What the socket or file that is missing is called tells nobody what to do.
  return /^(?:ENOENT|ECONNREFUSED)$/.test(code) ? 'Nothing answers with this BATON_HOME. Start a Baton first (npm start), or set BATON_HOME or DATABASE_URL to where it is.' : message;
}

async function carryOut(events: ParkedEvents): Promise<number> {
  if (command === 'retry') {
    for (const one of await events.retry(service, topic === '' ? undefined : { topic, key })) say(`${one.topic} ${one.key}: ${one.applied} applied${one.stoppedBy === undefined ? '' : `, then ${one.stoppedBy}`}`);
  }
  if (command === 'discard') await events.discard(service, { topic, key }, event, reason.join(' '));
  const left = await events.list();
  for (const parked of left) say(lineOf(parked));
  if (left.length === 0) say('Nothing is parked.');
  return left.length === 0 ? 0 : 1;
}

const lineOf = ({ consumer, topic, key, error, attempts, firstSeen, events }: Parked): string =>
  [`${consumer}: ${topic} ${key}, since ${firstSeen.toISOString()}, ${attempts} attempts, ${error}`, ...events.map(({ id, type, version }) => `  ${id} ${type} version ${version}`)].join('\n');
