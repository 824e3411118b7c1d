import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { COMPILED } from '@baton/testing';
import { startBaton, type BatonUnderTest } from '../baton-under-test.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The README's section of that title. */
async function section(title: string): Promise<string> {
  const readme = await readFile(`${ROOT}README.md`, 'utf8');
  const found = readme.split(/^## /m).find((part) => part.startsWith(`${title}\n`));
  if (found === undefined) throw new Error(`README.md has no section "${title}"`);
  return found;
}

/** What a newcomer pastes: the shell blocks, one after the other. */
const blocksOf = (text: string): string[] => [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!);

/** What the README says comes out, in order. */
const promisedBy = (block: string): string[] => [...block.matchAll(/^# → (.*)$/gm)].map(([, line]) => line!);

function bash(script: string, env: Record<string, string>): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile('bash', ['-euo', 'pipefail', '-c', script], { cwd: ROOT, timeout: 150_000, env: { ...COMPILED, ...process.env, ...env } }, (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }));
  });
}

describe('the walk-through of the README', () => {
  let baton: BatonUnderTest;
  beforeAll(async () => {
    baton = await startBaton();
  });
  afterAll(() => baton?.stop());

  it('works when it is pasted, and shows what it says', async () => {
    const blocks = blocksOf(await section('A first walk-through'));
    const promised = blocks.flatMap(promisedBy);
    expect(promised.length).toBeGreaterThan(3);
    const { code, out, err } = await bash(blocks.join('\n'), { BATON_PORT: new URL(baton.address).port, BATON_HOME: baton.home });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const shown = out.trimEnd().split('\n');
    expect(shown.filter((line) => promised.includes(line))).toEqual(promised);
    // Besides what is promised word for word: the young person's own words.
    expect(shown).toHaveLength(promised.length + 1);
  }, 160_000);
});
