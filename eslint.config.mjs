import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

/** Which layer may use which; `infra/boundaries` proves with deliberate violations that this bites. */
const layers = {
  kernel: [],
  contracts: [],
  fhir: ['kernel', 'contracts', 'testing'],
  platform: ['kernel', 'contracts', 'fhir', 'platform', 'testing'],
  testing: ['kernel', 'contracts', 'fhir', 'platform'],
  services: ['kernel', 'contracts', 'fhir', 'platform', 'testing'],
  roots: ['kernel', 'contracts', 'fhir', 'platform', 'testing', 'services', 'roots'],
  tests: ['kernel', 'contracts', 'fhir', 'platform', 'testing', 'services', 'roots'],
};

/** Drivers and senders live in few files, where every effect has a crash point. */
const drivers = (...allowed) =>
  ['pg', 'pg-connection-string', 'typeorm', 'kafkajs', 'undici']
    .filter((name) => !allowed.includes(name))
    .map((name) => ({ name, message: `Only the library made for it talks to ${name}.`, allowTypeImports: true }));

const published = {
  selector: ':matches(Literal[value=/(resource|history|search|effective_access)_v1/], TemplateElement[value.raw=/(resource|history|search|effective_access)_v1/])',
  message: 'Resource relations are read through libs/fhir-store, which adds the visibility predicate.',
};

/** Specs, and what stands beside them for them. */
const tests = ['**/*.spec.ts', '**/*.slow.ts', '**/*.fixture.ts', '**/src/**/spec/**/*.ts', 'tests/**/*.ts'];

const restrict = (...allowed) => ({ '@typescript-eslint/no-restricted-imports': ['error', { paths: drivers(...allowed) }] });

export default tseslint.config(
  { ignores: ['**/dist/**', '**/*.mjs', '**/*.cjs', '**/*.js', '.nx/**', 'infra/boundaries/**'] },
  ...tseslint.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    files: ['**/*.ts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { enforceBuildableLibDependency: false, allow: [], depConstraints: Object.entries(layers).map(([layer, may]) => ({ sourceTag: `layer:${layer}`, onlyDependOnLibsWithTags: may.map((name) => `layer:${name}`) })) }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'no-restricted-syntax': ['error', published],
      ...restrict(),
    },
  },
  { files: ['libs/postgres/**/*.ts', 'libs/testing/**/*.ts', 'infra/engines/**/*.ts'], rules: restrict('pg', 'pg-connection-string', 'typeorm') },
  { files: ['libs/messaging/**/*.ts', 'infra/kafka/**/*.ts'], rules: restrict('kafkajs') },
  { files: ['libs/access/src/egress*.ts', 'services/notifications/**/*.ts', 'infra/proxy/**/*.ts', 'tests/**/*.ts'], rules: restrict('undici') },
  { files: ['libs/fhir-store/**/*.ts', 'contracts/src/relations.ts', ...tests, 'services/consent/src/consent.tables.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: tests, rules: { '@typescript-eslint/no-restricted-imports': 'off', '@typescript-eslint/no-unsafe-assignment': 'off', '@typescript-eslint/no-unsafe-member-access': 'off', '@typescript-eslint/no-unsafe-argument': 'off', '@typescript-eslint/no-unsafe-return': 'off', '@typescript-eslint/no-unsafe-call': 'off', '@typescript-eslint/unbound-method': 'off' } },
);
