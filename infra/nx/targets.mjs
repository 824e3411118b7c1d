// Gives every project the same three tasks, so that Nx runs and remembers them: `nx affected -t lint test` does what a change touches.
// They come from the folder, not from each package.json: a project with a tsconfig.json is built, one with specs is tested.
import { dirname } from 'node:path';

const inputsOfAll = ['default', '^default'];

const targetsOf = (root) => ({
  build: { command: `tsc -b ${root}`, dependsOn: ['^build'], inputs: inputsOfAll, outputs: ['{projectRoot}/dist'], cache: true },
  lint: { command: `eslint ${root} --max-warnings 0`, dependsOn: ['^build'], inputs: [...inputsOfAll, '{workspaceRoot}/eslint.config.mjs'], cache: true },
  test: {
    command: `node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js --passWithNoTests ${root}/dist/`,
    dependsOn: ['build'],
    inputs: [...inputsOfAll, '{workspaceRoot}/jest.config.js'],
    cache: true,
    // Each run starts a PostgreSQL of its own.
    parallelism: false,
  },
});

export const createNodesV2 = [
  '{contracts,tests,libs/*,services/*,infra/*}/tsconfig.json',
  (files) => files.map((file) => [file, { projects: { [dirname(file)]: { targets: targetsOf(dirname(file)) } } }]),
];
