// Writes contracts/generated from contracts/src; with --check, fails where what is kept differs from what would be written.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { asyncApi, CODE_SYSTEMS, CloudEvent, EVENTS, Pathway, RELATIONS, RESOURCE_TYPES, TOPICS } from '../../contracts/dist/index.js';

const at = (path) => new URL(`../../contracts/${path}`, import.meta.url);
const schema = (type, title, io) => ({ ...z.toJSONSchema(type, { io }), ...(title ? { title } : {}) });

const examples = new Map(
  readdirSync(at('examples/events/')).map((name) => {
    const example = CloudEvent.parse(JSON.parse(readFileSync(at(`examples/events/${name}`), 'utf8')));
    return [example.type, example];
  }),
);

const files = {
  'pathway.schema.json': schema(Pathway, 'Baton pathway', 'input'),
  'asyncapi.json': asyncApi(examples),
  'topics.json': TOPICS,
  'relations.json': { types: RESOURCE_TYPES, relations: RELATIONS },
  'code-systems.json': CODE_SYSTEMS,
};
for (const data of new Set(EVENTS.map((event) => event.data))) files[`events/${data.meta().id}.v1.json`] = schema(data, undefined, 'output');

const texts = Object.entries(files).map(([name, content]) => [name, `${JSON.stringify(content, null, 2)}\n`]);
const kept = (name) => {
  try {
    return readFileSync(at(`generated/${name}`), 'utf8');
  } catch {
    return undefined;
  }
};
const listed = () => readdirSync(at('generated/'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`.split('/contracts/generated/')[1].replace(/^\/+/, ''));

if (process.argv.includes('--check')) {
  const stale = texts.filter(([name, text]) => kept(name) !== text).map(([name]) => `differs: ${name}`);
  const foreign = listed().filter((name) => !(name in files)).map((name) => `not generated: ${name}`);
  const untold = EVENTS.filter((event) => !examples.has(event.type)).map((event) => `no example: ${event.type}`);
  const problems = [...stale, ...foreign, ...untold];
  if (problems.length > 0) {
    console.error(`contracts/generated is not what contracts/src says; run npm run generate.\n${problems.join('\n')}`);
    process.exit(1);
  }
} else {
  rmSync(at('generated'), { recursive: true, force: true });
  mkdirSync(at('generated/events'), { recursive: true });
  for (const [name, text] of texts) writeFileSync(at(`generated/${name}`), text);
  console.log(`contracts/generated: ${texts.length} files`);
}
