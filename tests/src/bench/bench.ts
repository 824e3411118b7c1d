import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchRun, QUICK, THOROUGH, type Settings } from './bench-run.js';
import { creates } from './creates.js';
import { events } from './events.js';
import type { Section } from './figures.js';
import { profiles } from './profiles.js';
import { reads } from './reads.js';
import { circumstances, markdown } from './report.js';
import { searches } from './searches.js';
import { startUp } from './start-up.js';
import { webhooks } from './webhooks.js';

/** Sections that need a Baton under load, in the order in which they use it. */
const UNDER_LOAD: Readonly<Record<string, (run: BenchRun) => Promise<Section>>> = { creates, reads, searches, webhooks, events };
/** Sections that start a Baton of their own. */
const ALONE: Readonly<Record<string, (settings: Settings, say: (line: string) => void) => Promise<Section>>> = { start: startUp, profile: profiles };
const NAMES = [...Object.keys(UNDER_LOAD), ...Object.keys(ALONE)];

const USAGE = `Usage: npm run bench -- [--quick] [--only a,b] [--repeats n] [--seconds s] [--out folder] [--remark text]
  --quick    about a minute and a half, to see that it runs: its figures mean little
  --only     sections by name: ${NAMES.join(', ')}
  --out      where benchmarks.md and benchmarks.json go; docs/ after a thorough run of everything, nowhere else
  --remark   what else the machine was doing
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, repeats: { type: 'string' }, seconds: { type: 'string' }, out: { type: 'string' }, remark: { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  const wanted = values.only?.split(',') ?? NAMES;
  if (values.help || wanted.some((name) => !NAMES.includes(name))) return void process.stdout.write(USAGE);
  const base = values.quick ? QUICK : THOROUGH;
  const settings = { ...base, repeats: Number(values.repeats ?? base.repeats), seconds: Number(values.seconds ?? base.seconds) };
  const began = performance.now();
  const say = (line: string): void => void process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
  const where = circumstances(settings, values.remark);
  const { sections, postgres } = await measure(wanted, settings, say);
  const text = markdown({ ...where, postgres }, sections);
  process.stdout.write(`${text}\n`);
  const out = values.out ?? (values.quick || values.only !== undefined ? undefined : 'docs');
  if (out === undefined) return;
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'benchmarks.md'), `${text.trimEnd()}\n`);
  await writeFile(join(out, 'benchmarks.json'), `${JSON.stringify({ ...where, postgres, goals: sections.flatMap(({ goals }) => goals), sections: Object.fromEntries(sections.map(({ name, data }) => [name, data])) }, undefined, 2)}\n`);
  say(`written to ${resolve(out)}`);
}

async function measure(wanted: readonly string[], settings: Settings, say: (line: string) => void): Promise<{ sections: Section[]; postgres: string }> {
  const sections: Section[] = [];
  let postgres = 'not asked';
  for (const name of Object.keys(ALONE)) if (wanted.includes(name) && name === 'start') sections.push(await ALONE[name]!(settings, say));
  const loaded = Object.keys(UNDER_LOAD).filter((name) => wanted.includes(name));
  if (loaded.length > 0) {
    const run = await BenchRun.open(settings, say);
    try {
      postgres = (await run.baton.sql<{ server_version: string }>('SHOW server_version'))[0]!.server_version;
      for (const name of loaded) sections.push(await UNDER_LOAD[name]!(run));
      const { rss, pss } = await run.baton.memory();
      say(`memory after the load: ${pss ?? '?'} MB (PSS), ${rss} MB (RSS)`);
    } finally {
      await run.close();
    }
  }
  if (wanted.includes('profile')) sections.push(await profiles(settings, say));
  return { sections, postgres };
}

await main();
