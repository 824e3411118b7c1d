import { fileURLToPath } from 'node:url';
import { copyRuntimeFiles } from './runtime-files.js';

/** `node infra/image/dist/runtime-files.main.js <folder>`: what the Dockerfile puts into the image. */
const [, , out] = process.argv;
if (out === undefined) {
  process.stderr.write('Where to? node infra/image/dist/runtime-files.main.js <folder>\n');
  process.exit(1);
}
await copyRuntimeFiles(fileURLToPath(new URL('../../..', import.meta.url)), out);
