import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { wantsHelp } from '@baton/standalone';
import { killedOver } from '../durability/points.js';
import { Rounds, type Round } from '../durability/rounds.js';
import { ApartStage } from './apart-stage.js';
import { FAULTS } from './faults.js';
import { COMPACT_APART, killsAt } from './matrix.js';
import { markdown, type Befallen, type InOneGo } from './report.js';
import { killedTogether } from './together.js';

const USAGE = `Usage: npm run resilience -- [--long] [--times n] [--together n] [--points a,b] [--faults [name …]] [--write]
  --long      at every point that services apart reach, then five homes whose services are killed back to back, and every fault; writes docs/resilience.md
  --times     how often at each point
  --together  so many homes whose services are killed back to back, each judged once
  --points    at these alone; tests/src/durability/points.ts names them
  --write     writes docs/resilience.md after a choice, too, with every fault unless --faults names some
  --faults    what happens besides crashes, and no crash: ${FAULTS.map(({ name }) => name).join(', ')}
`;

/** `npm run resilience`: kills services that run apart on Kafka, at a choice of crash points, each kill judged by itself. */
if (wantsHelp(process.argv)) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false }, times: { type: 'string' }, together: { type: 'string' }, points: { type: 'string' }, faults: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});
const times = Number(values.times ?? 1);
const homes = Number(values.together ?? (values.long && !values.faults && values.points === undefined ? 5 : 0));
const everyPoint = values.long ? [...killedOver('kafka').keys()] : COMPACT_APART.map(({ point }) => point);
const points = (values.faults || (values.together !== undefined && !values.long)) && !values.write && values.points === undefined ? [] : (values.points?.split(',') ?? everyPoint);
const faults = values.faults || (values.long && values.points === undefined) || values.write ? FAULTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)) : [];
const unknown = [...points.filter((point) => killsAt(point, 1).length === 0), ...positionals.filter((name) => !faults.some((fault) => fault.name === name))];
if (unknown.length > 0 || !Number.isInteger(times) || times < 1 || !Number.isInteger(homes) || homes < 0) {
  process.stderr.write(unknown.length > 0 ? `Not known here: ${unknown.join(', ')}\n${USAGE}` : '--times is a whole number from 1, --together one from 0.\n');
  process.exit(1);
}

const began = performance.now();
const say = (line: string): void => void process.stdout.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
const LINE = '\n           ';
const SHOWN_AT_MOST = 20;
const kept = (broken: readonly string[]): string => {
  if (broken.length === 0) return 'everything kept';
  const more = broken.length - SHOWN_AT_MOST;
  return [...broken.slice(0, SHOWN_AT_MOST), ...(more > 0 ? [`… and ${more} more, of which the last is: ${broken.at(-1)!}`] : [])].join(LINE);
};

const killed: Round[] = [];
const rounds = new Rounds((env) => ApartStage.open(env ? { env } : {}));
for (const { scene, point, times: passing } of points.flatMap((each) => killsAt(each, times))) {
  const one = await rounds.kill(scene, { point, times: passing }).catch((error: Error): Round => ({ point, times: passing, reached: false, broken: [error.stack ?? error.message] }));
  killed.push(one);
  say(`${point}, the ${passing}. time: ${one.reached ? 'killed' : 'NOT REACHED'}, ${kept(one.broken)}`);
}
await rounds.close();

const together: InOneGo[] = [];
for (let home = 1; home <= homes; home++) {
  const one = await killedTogether().then(
    ({ ends, history, broken }): InOneGo => ({ points: [...ends.keys()], asked: history.asked.length, told: history.listed.length, broken }),
    (error: Error): InOneGo => ({ points: [], asked: 0, told: 0, broken: [error.stack ?? error.message] }),
  );
  together.push(one);
  say(`home ${home}: ${one.points.length} killed back to back, ${kept(one.broken)}`);
}

const befallen: Befallen[] = [];
for (const fault of faults) {
  const outcome = await fault.run({ long: values.long }).catch((error: Error) => ({ figures: [], broken: [error.stack ?? error.message] }));
  befallen.push({ fault, ...outcome });
  say([`${fault.name}: ${kept(outcome.broken)}`, ...outcome.figures].join(LINE));
}

if (values.write || (values.long && !values.faults && values.points === undefined)) {
  writeFileSync(fileURLToPath(new URL('../../../docs/resilience.md', import.meta.url)), markdown({ killed, together, befallen }, new Date(), process.argv.slice(2)));
  say('written: docs/resilience.md');
}
const wrong = killed.filter(({ reached, broken }) => !reached || broken.length > 0).length + [...together, ...befallen].filter(({ broken }) => broken.length > 0).length;
say(wrong === 0 ? `${killed.length + together.flatMap(({ points: at }) => at).length} kills and ${befallen.length} faults, nothing lost, nothing doubled, in order.` : `${wrong} of ${killed.length + together.length + befallen.length} rounds were not as they should be.`);
process.exit(wrong === 0 ? 0 : 1);
