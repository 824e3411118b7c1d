import { access, readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { HostConfig, readConfig } from '@baton/service-host';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const readme = (): Promise<string> => readFile(`${ROOT}README.md`, 'utf8');

/** Every README of the repository, by its folder. */
async function readmes(): Promise<{ folder: string; text: string }[]> {
  const folders = (await Promise.all(['libs', 'services'].map(async (part) => (await readdir(`${ROOT}${part}`)).map((name) => `${part}/${name}/`)))).flat();
  return Promise.all(['', 'contracts/', 'infra/engines/', 'tests/', ...folders].map(async (folder) => ({ folder, text: await readFile(`${ROOT}${folder}README.md`, 'utf8') })));
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

describe('the README', () => {
  it('names for each promise tests that are there', async () => {
    const rows = (await readme()).split('\n').filter((line) => /^\| \*\*/.test(line));
    expect(rows).toHaveLength(6);
    const missing: string[] = [];
    for (const row of rows) {
      const named = [...row.matchAll(/`([^`]+\.(?:spec|slow)\.ts)`(?: \([^)]*\))?: ((?:"[^"]+"(?:; )?)+)/g)];
      if (named.length === 0) missing.push(row.slice(0, 40));
      for (const [, file = '', sentences = ''] of named) {
        const spec = await readFile(`${ROOT}${file}`, 'utf8').catch(() => '');
        for (const [, sentence = ''] of sentences.matchAll(/"([^"]+)"/g)) if (!spec.includes(`it('${sentence}'`)) missing.push(`${file}: ${sentence}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('tells the variables that are read, with their defaults', async () => {
    const told = [...(await readme()).matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]+)`)?/gm)].map(([, name, value]) => ({ name, value }));
    // NODE_ENV is Node's own; INSTANCES is read by start:apart alone.
    const read = [...Object.keys(HostConfig.shape).filter((name) => name !== 'NODE_ENV'), 'INSTANCES'];
    expect(told.map(({ name }) => name).sort()).toEqual(read.sort());
    const defaults = readConfig(HostConfig, {}) as Record<string, unknown>;
    for (const { name, value } of told) if (defaults[name!] !== undefined) expect({ name, value }).toEqual({ name, value: String(defaults[name!]) });
  });

  it('names commands that there are', async () => {
    const { scripts } = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8')) as { scripts: Record<string, string> };
    const named = [...(await readme()).matchAll(/npm (?:run (?:-s )?)?(start|test|(?<=run (?:-s )?)[a-z:]+)/g)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('every README', () => {
  it('links to what is there', async () => {
    const broken: string[] = [];
    for (const { folder, text } of await readmes()) {
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)) if (!(await exists(`${ROOT}${folder}${target}`))) broken.push(`${folder}README.md → ${target}`);
    }
    expect(broken).toEqual([]);
  });

  it('of a service or library says its purpose, its flow, what it touches and what is peculiar', async () => {
    const parts = ['Purpose', 'Flow', 'What it touches', 'Peculiarities'];
    const lacking = (await readmes()).filter(({ folder }) => folder !== '').flatMap(({ folder, text }) => parts.filter((part) => !text.includes(`## ${part}\n`) && !text.includes(`**${part}.**`)).map((part) => `${folder}README.md: ${part}`));
    expect(lacking).toEqual([]);
  });
});
