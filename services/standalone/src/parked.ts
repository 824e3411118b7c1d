import { Refused } from '@baton/kernel';
import type { Discarded, Parked, ParkedGroup } from '@baton/messaging';
import { parseArgs } from 'node:util';
import { dsnsOf } from './admin-dsn.js';
import { readStandaloneConfig } from './configuration.js';
import { endWithUsage, wantsHelp } from './help.js';
import { LISTENING, openParked, type Of, type ParkedEvents } from './parked-events.js';

const USAGE = `Usage:
  npm run -s parked                                                     lists what services could not apply
  npm run -s parked -- groups                                           counts it by topic and class of error
  npm run -s parked -- retry <service> [<topic> <key>]                  applies it, in order
  npm run -s parked -- retry <service> --error <class> [--topic <t>]    applies a group of it
  npm run -s parked -- discard <service> <topic> <key> <event> <reason> gives one event up; it is kept
  npm run -s parked -- discarded                                        lists what was given up
  npm run -s parked -- restore <service> <event>                        takes one back to its place, to be retried
Services: ${LISTENING.map(({ name }) => name).join(', ')}
`;

/** `npm run -s parked`: what services could not apply, for whoever is on call; ids and codes only. Exit 1 while anything stays parked. */
const say = (line: string): void => void process.stdout.write(`${line}\n`);
if (wantsHelp(process.argv)) endWithUsage(USAGE);
const { command, args, group } = asked();
const [service = '', topic = '', key = '', event = '', ...reason] = args;
const ARGUMENTS: Readonly<Record<string, (count: number) => boolean>> = {
  list: (count) => count === 0,
  groups: (count) => count === 0,
  discarded: (count) => count === 0,
  retry: (count) => count === 1 || (count === 3 && !group),
  discard: (count) => count >= 5,
  restore: (count) => count === 2,
};
if (!ARGUMENTS[command]?.(args.length) || (group && command !== 'retry')) endWithUsage(USAGE);
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

/** The words of the command line; its options belong to `retry`. */
function asked(): { command: string; args: string[]; group: { error?: string; topic?: string } | undefined } {
  try {
    const { values, positionals } = parseArgs({ args: process.argv.slice(2), allowPositionals: true, options: { error: { type: 'string' }, topic: { type: 'string' } } });
    const [command = 'list', ...args] = positionals;
    return { command, args, group: Object.keys(values).length === 0 ? undefined : { ...values } };
  } catch {
    return { command: '', args: [], group: undefined };
  }
}

async function carryOut(events: ParkedEvents): Promise<number> {
  if (command === 'retry') {
    const which = group ?? (topic === '' ? {} : { topic, key });
    for (const one of await events.retry(service, which)) say(`${one.topic} ${one.key}: ${one.applied} applied${one.stoppedBy === undefined ? '' : `, then ${one.stoppedBy}`}`);
  }
  if (command === 'discard') await events.discard(service, { topic, key }, event, reason.join(' '));
  if (command === 'restore') await events.restore(service, topic);
  if (command === 'discarded') for (const one of await events.discarded()) say(discardedLine(one));
  if (command === 'groups') for (const one of await events.groups()) say(groupLine(one));
  const left = await events.list();
  if (command !== 'groups' && command !== 'discarded') for (const parked of left) say(lineOf(parked));
  if (left.length === 0) say('Nothing is parked.');
  return left.length === 0 ? 0 : 1;
}

const lineOf = ({ consumer, topic, key, error, attempts, firstSeen, events }: Parked): string =>
  [`${consumer}: ${topic} ${key}, since ${firstSeen.toISOString()}, ${attempts} attempts, ${error}`, ...events.map(({ id, type, version, from }) => `  ${id} ${type} version ${version} from ${from}`)].join('\n');

const groupLine = ({ consumer, topic, error, keys, events, oldest }: Of<ParkedGroup>): string => `${consumer}: ${topic}, ${error}: ${keys} keys, ${events} events, since ${oldest.toISOString()}`;

const discardedLine = ({ consumer, topic, key, id, type, version, error, reason, discardedBy, discardedAt }: Of<Discarded>): string =>
  `${consumer}: ${topic} ${key}, ${id} ${type} version ${version}, ${error}; discarded ${discardedAt.toISOString()} by ${discardedBy}: ${reason}`;
