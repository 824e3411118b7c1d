import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Spec files that ask for no other pathway and let no service sleep: what containers that run can be told. */
const TOLD = ['stories/referral', 'stories/reading', 'stories/consent', 'stories/unrelated-partner', 'stories/capability', 'hostile/input', 'hostile/http-edge'];

/** `npm run test:compose`: the check of docker-compose.yml, and behind it the same stories told to its containers, each file to empty volumes. */
const tell = (file: string): string => `BATON_STORIES=compose node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js --testTimeout 120000 tests/dist/${file}.spec`;
const check = spawn('npm', ['run', '-s', 'check:compose', '--', ...process.argv.slice(2), ...TOLD.flatMap((file) => ['--then', tell(file)])], { cwd: fileURLToPath(new URL('../..', import.meta.url)), stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => check.kill(signal));
check.on('exit', (code) => process.exit(code ?? 1));
