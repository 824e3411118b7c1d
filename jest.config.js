export default {
  rootDir: '.',
  roots: ['contracts', 'libs', 'infra', 'services', 'tests'],
  testMatch: ['**/dist/**/*.spec.js'],
  modulePathIgnorePatterns: ['<rootDir>/.nx', '<rootDir>/.baton'],
  transform: {},
  // Both cores of a small machine: specs wait for PostgreSQL more than they compute.
  maxWorkers: 2,
  globalSetup: '<rootDir>/libs/testing/dist/jest-setup.js',
  globalTeardown: '<rootDir>/libs/testing/dist/jest-teardown.js',
  testTimeout: 30_000,
};
