// npm run check: types, lint with boundaries (and proof that they bite), import cycles, generated files.
import { spawnSync } from 'node:child_process';

const steps = [
  ['types', 'tsc', ['-b']],
  ['project graph', 'nx', ['graph', '--file=.nx/graph.json']],
  ['lint and boundaries', 'eslint', ['.', '--max-warnings', '0', '--cache', '--cache-location', '.nx/cache/eslint']],
  ['boundaries bite', 'node', ['infra/boundaries/check.mjs']],
  ['import cycles', 'depcruise', ['contracts/src', 'libs', 'infra/engines/src', 'infra/image/src', 'infra/kafka/src', 'infra/proxy/src', 'services', 'tests/src', '--config', '.dependency-cruiser.cjs']],
  ['generated files', 'node', ['infra/generate.mjs', '--check']],
];

const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(`Node ${process.versions.node} runs this; the project brings Node 24. Use "npm run check".`);
  process.exit(1);
}

for (const [name, command, args] of steps) {
  const began = performance.now();
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', env: { ...process.env, NX_DAEMON: 'false' }, maxBuffer: 1 << 26, ...(name === 'project graph' ? {} : { stdio: ['ignore', 'inherit', 'inherit'] }) });
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  if (status !== 0) process.exit(1);
}
