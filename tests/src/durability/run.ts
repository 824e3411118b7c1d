import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { wantsHelp } from '@baton/standalone';
import { COMPACT, killedOver } from './points.js';
import { markdown } from './report.js';
import { Rounds, type Round } from './rounds.js';
import { StandaloneStage } from './standalone-stage.js';

/**
 * `npm run durability`: kills a Baton at a choice of points, one by one, each kill judged by itself.
 * `-- --long [--times 3]` at every point of the code, several times, and writes docs/durability.md; `-- --points a,b` at those alone.
 */
if (wantsHelp(process.argv)) {
  process.stdout.write('Usage: npm run durability -- [--long] [--times n] [--points a,b]\n  --long    at every point of the code, three times; writes docs/durability.md\n  --times   how often at each point\n  --points  at these alone; tests/src/durability/points.ts names them, and PostgreSQL\n');
  process.exit(0);
}
const { values } = parseArgs({ options: { long: { type: 'boolean', default: false }, times: { type: 'string' }, points: { type: 'string' } } });
const times = Number(values.times ?? (values.long ? 3 : 1));
const points = killedOver('log');
const wanted = values.points?.split(',') ?? (values.long ? [...points.keys(), 'PostgreSQL'] : [...COMPACT, 'PostgreSQL']);
const unknown = wanted.filter((point) => point !== 'PostgreSQL' && !points.has(point));
if (unknown.length > 0 || !Number.isInteger(times) || times < 1) {
  process.stderr.write(unknown.length > 0 ? `No run kills at ${unknown.join(', ')}; see tests/src/durability/points.ts.\n` : '--times is a whole number from 1.\n');
  process.exit(1);
}

const began = performance.now();
const say = (line: string): void => void process.stdout.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);

/** Later and later times a point is reached, spread over what its scene reaches. */
const timesOf = (upTo: number, turn: number): number => 1 + Math.floor(((turn + 0.5) / times) * upTo);

async function round(rounds: Rounds, point: string, turn: number): Promise<Round> {
  if (point === 'PostgreSQL') return rounds.killPostgres();
  const { scene, upTo } = points.get(point)!;
  return rounds.kill(scene, { point, times: Math.min(upTo, timesOf(upTo, turn)) });
}

const done: Round[] = [];
const rounds = new Rounds((env) => StandaloneStage.open(env));
for (const point of wanted) {
  for (let turn = 0; turn < times; turn++) {
    const one = await round(rounds, point, turn).catch((error: Error): Round => ({ point, times: turn + 1, reached: false, broken: [error.message] }));
    done.push(one);
    say(`${point}, the ${one.times}. time: ${one.reached ? 'killed' : 'NOT REACHED'}, ${one.broken.length === 0 ? 'everything kept' : one.broken.join('\n           ')}`);
  }
}
await rounds.close();

if (values.long && values.points === undefined) {
  writeFileSync(fileURLToPath(new URL('../../../docs/durability.md', import.meta.url)), markdown(done, new Date()));
  say('written: docs/durability.md');
}
const wrong = done.filter(({ reached, broken }) => !reached || broken.length > 0).length;
say(wrong === 0 ? `${done.length} kills, nothing lost, nothing doubled, in order.` : `${wrong} of ${done.length} rounds were not as they should be.`);
process.exit(wrong === 0 ? 0 : 1);
