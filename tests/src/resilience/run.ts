import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { wantsHelp } from '@baton/standalone';
import { killedOver } from '../durability/points.js';
import { Rounds, type Round } from '../durability/rounds.js';
import { ApartStage } from './apart-stage.js';
import { COMPACT_APART, killsAt, type Planned } from './matrix.js';
import { markdown } from './report.js';

/**
 * `npm run resilience`: kills services that run apart on Kafka, at a choice of crash points, each kill judged by itself.
 * `-- --long [--times 4]` at every point they reach, several times, and writes docs/resilience.md; `-- --points a,b` at those alone.
 */
if (wantsHelp(process.argv)) {
  process.stdout.write('Usage: npm run resilience -- [--long] [--times n] [--points a,b]\n  --long    at every point that services apart reach, four times; writes docs/resilience.md\n  --times   how often at each point\n  --points  at these alone; tests/src/durability/points.ts names them\n');
  process.exit(0);
}
const { values } = parseArgs({ options: { long: { type: 'boolean', default: false }, times: { type: 'string' }, points: { type: 'string' } } });
const times = Number(values.times ?? (values.long ? 4 : 1));
const wanted = values.points?.split(',') ?? (values.long ? [...killedOver('kafka').keys()] : COMPACT_APART.map(({ point }) => point));
const unknown = wanted.filter((point) => killsAt(point, 1).length === 0);
if (unknown.length > 0 || !Number.isInteger(times) || times < 1) {
  process.stderr.write(unknown.length > 0 ? `Services apart are not killed at ${unknown.join(', ')}; see tests/src/durability/points.ts.\n` : '--times is a whole number from 1.\n');
  process.exit(1);
}

const began = performance.now();
const say = (line: string): void => void process.stdout.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);

const done: Round[] = [];
const rounds = new Rounds((env) => ApartStage.open({ ...(env ? { env } : {}) }));

async function kill({ scene, point, times: passing }: Planned): Promise<void> {
  const one = await rounds.kill(scene, { point, times: passing }).catch((error: Error): Round => ({ point, times: passing, reached: false, broken: [error.stack ?? error.message] }));
  done.push(one);
  say(`${point}, the ${passing}. time: ${one.reached ? 'killed' : 'NOT REACHED'}, ${one.broken.length === 0 ? 'everything kept' : one.broken.join('\n           ')}`);
}

for (const point of wanted) for (const planned of killsAt(point, times)) await kill(planned);
await rounds.close();

if (values.long && values.points === undefined) {
  writeFileSync(fileURLToPath(new URL('../../../docs/resilience.md', import.meta.url)), markdown(done, new Date()));
  say('written: docs/resilience.md');
}
const wrong = done.filter(({ reached, broken }) => !reached || broken.length > 0).length;
say(wrong === 0 ? `${done.length} kills, nothing lost, nothing doubled, in order.` : `${wrong} of ${done.length} rounds were not as they should be.`);
process.exit(wrong === 0 ? 0 : 1);
