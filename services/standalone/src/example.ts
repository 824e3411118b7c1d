import { parseArgs } from 'node:util';
import { exampleReferral } from './example-referral.js';
import { endWithUsage, wantsHelp } from './help.js';

/** `npm run -s example -- referral [--count n] [--seed s]`: prints transaction Bundles, one a line. */
const USAGE = 'Usage: npm run -s example -- referral [--count n] [--seed s]\n';
if (wantsHelp(process.argv)) endWithUsage(USAGE);
const { positionals, values } = parseArgs({ allowPositionals: true, options: { count: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } } });
const [count, seed] = [Number(values.count), Number(values.seed)];
if (positionals[0] !== 'referral' || !Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) endWithUsage(USAGE);
for (let index = 0; index < count; index++) process.stdout.write(`${JSON.stringify(exampleReferral({ index, seed, today: new Date() }))}\n`);
