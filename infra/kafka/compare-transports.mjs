// Are the transports held to the same sentences? Compares the names of the tests that ran under "The transport port on …", and that all
// of them passed. Reads the results of a run (`npm test -- --json --outputFile=results.json`), or runs the two suites itself.
//   node infra/kafka/compare-transports.mjs [results.json]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TRANSPORTS = ['Kafka', 'the log in PostgreSQL'];

/** Runs the conformance suites. @returns Jest's results */
function run() {
  const folder = mkdtempSync(join(tmpdir(), 'baton-transports-'));
  const file = join(folder, 'results.json');
  try {
    const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', join(ROOT, 'node_modules/jest/bin/jest.js'), 'libs/messaging/dist/(kafka/kafka-transport[.]slow|postgres-transport[.]spec)', '--testMatch', '**/dist/**/*.{spec,slow}.js', '--json', `--outputFile=${file}`];
    spawnSync(process.execPath, jest, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
    return JSON.parse(readFileSync(file, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const results = process.argv[2] ? JSON.parse(readFileSync(process.argv[2], 'utf8')) : run();
const tests = results.testResults.flatMap(({ assertionResults }) => assertionResults);
const of = (name) => tests.filter(({ ancestorTitles }) => ancestorTitles[0] === `The transport port on ${name}`);
const namesOf = (name) => of(name).map(({ title }) => title).sort();

const [one, other] = TRANSPORTS;
const onlyIn = (a, b) => namesOf(a).filter((title) => !namesOf(b).includes(title)).map((title) => `only on ${a}: ${title}`);
const failed = TRANSPORTS.flatMap((name) => of(name).filter(({ status }) => status !== 'passed').map(({ title, status }) => `${status} on ${name}: ${title}`));
const problems = [...TRANSPORTS.filter((name) => of(name).length === 0).map((name) => `did not run: ${name}`), ...onlyIn(one, other), ...onlyIn(other, one), ...failed];

if (problems.length > 0) {
  console.error(`The transports are not held to the same sentences:\n  ${problems.join('\n  ')}`);
  process.exit(1);
}
console.log(`${namesOf(one).length} sentences hold on ${one} and on ${other}`);
