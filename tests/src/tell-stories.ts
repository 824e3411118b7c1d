import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Spec files that ask for no other pathway and let no service sleep: what a Baton that runs can be told, one behind the other. */
const TOLD = ['stories/referral', 'stories/conditional', 'stories/reading', 'stories/consent', 'stories/unrelated-partner', 'stories/capability', 'hostile/input', 'hostile/http-edge'];

/** Those that need a Baton of their own. */
const OF_THEIR_OWN = ['stories/interrupted', 'stories/operating', 'stories/closed-route'];

const command = (stories: string, files: readonly string[]): string =>
  `BATON_STORIES=${stories} node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js --maxWorkers 1 --testTimeout 120000 ${files.map((file) => `tests/dist/${file}.spec`).join(' ')}`;

/** Tells them to the Baton that runs where `BATON_ADDRESS`, `BATON_HOME`, `BATON_PROCESSES` and `BATON_RESTART` say. */
export const TELL_WHO_RUNS = command('running', TOLD);

/** Tells the others to services apart, started for each file. */
export const TELL_APART = command('apart', OF_THEIR_OWN);

/** Runs a shell command at the top of the tree until it ends, or this process is asked to. @returns whether all went well */
export async function runs(shell: string, root: string, env: Readonly<Record<string, string | undefined>> = process.env): Promise<boolean> {
  const child = spawn('sh', ['-c', shell], { cwd: root, env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}
