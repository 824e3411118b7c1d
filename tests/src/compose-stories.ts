import { fileURLToPath } from 'node:url';
import { runs, TELL_WHO_RUNS } from './tell-stories.js';

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** `npm run test:compose`: the check of docker-compose.yml, and behind it the same stories told to its containers, on empty volumes. */
const good = await runs(`npm run -s check:compose -- ${[...process.argv.slice(2), '--then', TELL_WHO_RUNS].map(quoted).join(' ')}`, fileURLToPath(new URL('../..', import.meta.url)));
process.exit(good ? 0 : 1);
