// Proves that the boundaries bite: writes one deliberate violation after the other into the tree, and expects the lint to
// name each of them. What it writes is removed again, and ignored by git (*.deliberate.ts).
import { rmSync, writeFileSync } from 'node:fs';
import { ESLint } from 'eslint';

const BOUNDARY = '@nx/enforce-module-boundaries';
const DRIVER = '@typescript-eslint/no-restricted-imports';
const RELATION = 'no-restricted-syntax';

/** Where, what, and the rule that must refuse it. */
const violations = [
  ['libs/kernel/src', `import '@baton/postgres';`, BOUNDARY],
  ['contracts/src', `import '@baton/kernel';`, BOUNDARY],
  ['libs/fhir/src', `import '@baton/fhir-store';`, BOUNDARY],
  ['libs/messaging/src', `import '@baton/referrals';`, BOUNDARY],
  ['services/referrals/src', `import '@baton/consent';`, BOUNDARY],
  ['services/consent/src', `import '@baton/gateway';`, BOUNDARY],
  ['services/referrals/src', `import { Pool } from 'pg';\nexport const pool = new Pool();`, DRIVER],
  ['services/consent/src', `import { request } from 'undici';\nexport const send = request;`, DRIVER],
  ['libs/fhir-store/src', `import { Kafka } from 'kafkajs';\nexport const client = Kafka;`, DRIVER],
  ['services/referrals/src', `export const sql = 'SELECT 1 FROM directory.resource_v1';`, RELATION],
  ['services/notifications/src', 'export const sql = (type: string): string => `SELECT ${type} FROM consent.effective_access_v1`;', RELATION],
];

const eslint = new ESLint();
let missed = 0;
for (const [folder, code, rule] of violations) {
  const file = `${folder}/boundary.deliberate.ts`;
  writeFileSync(file, `${code}\n`);
  try {
    const [{ messages }] = await eslint.lintFiles([file]);
    if (!messages.some(({ ruleId }) => ruleId === rule)) {
      missed++;
      console.error(`Not refused by ${rule}: in ${folder}: ${code.split('\n')[0]}\n  it said: ${messages.map(({ ruleId, message }) => `${ruleId}: ${message}`).join('; ') || 'nothing'}`);
    }
  } finally {
    rmSync(file);
  }
}
if (missed > 0) process.exit(1);
console.log(`${violations.length} deliberate violations were refused`);
