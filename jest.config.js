export default {
  rootDir: '.',
  roots: ['contracts', 'libs', 'infra', 'services', 'tests'],
  testMatch: ['**/dist/**/*.spec.js'],
  modulePathIgnorePatterns: ['<rootDir>/.nx', '<rootDir>/.baton'],
  transform: {},
  testTimeout: 30_000,
};
