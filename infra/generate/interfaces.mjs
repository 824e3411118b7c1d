// Writes down what a running Baton says of its interfaces: OpenAPI of the own APIs, CapabilityStatement of the FHIR interface.
// With --check it only says whether the files are as they would be written.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostConfig, readConfig } from '../../libs/service-host/dist/index.js';
import { startStandalone } from '../../services/standalone/dist/index.js';

const check = process.argv.includes('--check');
const PUBLIC = 'https://baton.example';
const home = mkdtempSync(join(tmpdir(), 'baton-interfaces-'));
const baton = await startStandalone(readConfig(HostConfig, { BATON_HOME: home, BATON_PORT: '0', BATON_LOG_LEVEL: 'silent' }), { BATON_HOME: home });
let differs = 0;
try {
  for (const [file, path] of [
    ['openapi.json', '/docs-json'],
    ['capability-statement.json', '/fhir/R4/metadata'],
  ]) {
    const told = JSON.parse((await (await fetch(`${baton.address}${path}`)).text()).replaceAll(baton.address, PUBLIC));
    const text = `${JSON.stringify(told, null, 2)}\n`;
    const target = new URL(`../../contracts/interfaces/${file}`, import.meta.url);
    if (!check) writeFileSync(target, text);
    else if (read(target) !== text) {
      differs++;
      console.error(`contracts/interfaces/${file} is not what a running Baton says of itself`);
    }
  }
} finally {
  await baton.stop();
  rmSync(home, { recursive: true, force: true });
}
process.exit(differs === 0 ? 0 : 1);

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
