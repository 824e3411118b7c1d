// npm run generate: makes every generated file again; with --check it says which would differ, and changes nothing.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  console.log('Usage: npm run generate [-- --check]\n  makes every generated file again; --check says which would differ, and changes nothing');
  process.exit(0);
}
const failed = readdirSync(new URL('generate/', import.meta.url))
  .filter((name) => /^[a-z-]+\.mjs$/.test(name))
  .filter((name) => spawnSync(process.execPath, [new URL(`generate/${name}`, import.meta.url).pathname, ...args], { stdio: 'inherit' }).status !== 0);
if (failed.length > 0) {
  console.error(`Generated files differ or could not be made: ${failed.join(', ')}. Run "npm run generate" and commit the result.`);
  process.exit(1);
}
