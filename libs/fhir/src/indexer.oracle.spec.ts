import { readdirSync, readFileSync } from 'node:fs';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4/index.js';
import { officialParametersOf } from './search-parameters.js';
import { compileSearchPath } from './compiled-path.js';
import { OWNED_TYPES, type Resource } from './types.js';

type Model = NonNullable<Parameters<typeof fhirpath.evaluate>[3]>;

const EXAMPLES = new URL('../../../contracts/examples/fhir-r4/', import.meta.url);
const examples = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith('.json'))
  .map((name) => [name, JSON.parse(readFileSync(new URL(name, EXAMPLES), 'utf8')) as Resource] as const)
  .filter(([, resource]) => officialParametersOf(resource.resourceType).size > 0);

/** What the examples of HL7 leave out: choices, names of many parts, conditions. */
const MORE: readonly Resource[] = [
  {
    resourceType: 'Patient',
    deceasedDateTime: '2026-01-01T10:00:00Z',
    name: [{ given: ['A', 'B'], family: 'C' }, { given: ['A'], _family: { id: 'x' } }],
    telecom: [{ system: 'phone', value: '1' }, { system: 'email', value: '2' }],
    generalPractitioner: [{ reference: 'Organization/o' }, { reference: 'Practitioner/p' }],
  },
  { resourceType: 'Patient', deceasedBoolean: false },
  { resourceType: 'Patient', deceasedBoolean: true },
  { resourceType: 'Observation', effectivePeriod: { start: '2026' }, valueCodeableConcept: { text: 't' }, subject: { reference: 'Group/g' }, component: [{ valueQuantity: { value: 1 } }, { valueString: 's' }] },
  { resourceType: 'Observation', effectiveDateTime: '2026-01-01', valueString: 's', subject: { reference: 'https://x.example/Patient/p' } },
  {
    resourceType: 'PlanDefinition',
    relatedArtifact: [{ type: 'depends-on', resource: 'https://a' }, { type: 'successor', resource: 'https://b' }],
    library: ['https://c'],
    useContext: [{ code: { code: 'age' }, valueRange: { low: { value: 11 } } }, { code: { code: 'venue' }, valueCodeableConcept: { text: 'v' } }],
  },
];

/** The oracle resolves nothing over the network: what a reference leads to is read from its text here too. */
const unresolved = (expression: string): string => expression.replaceAll(/resolve\(\) is (\w+)/g, "reference.contains('$1/')");
const sorted = (values: readonly unknown[]): string[] => [...new Set(values.map((value) => JSON.stringify(value)))].sort();

describe('the compiled expressions of all official parameters', () => {
  it.each([...examples, ...MORE.map((resource, i) => [`${resource.resourceType} of our own, ${i}`, resource] as const)])('find in %s what FHIRPath finds', (_name, resource) => {
    for (const { code, expression } of officialParametersOf(resource.resourceType).values()) {
      const found: unknown[] = [];
      compileSearchPath(resource.resourceType, expression).walk(resource, (value) => found.push(value));
      const expected = fhirpath.evaluate(structuredClone(resource), unresolved(expression), undefined, r4 as Model) as unknown[];
      expect([code, ...sorted(found)]).toEqual([code, ...sorted(expected)]);
    }
  });

  it('compile for every type, and see every type with an example but PlanDefinition', () => {
    for (const type of OWNED_TYPES) for (const { expression } of officialParametersOf(type).values()) expect(compileSearchPath(type, expression).kinds.length).toBeGreaterThan(0);
    const seen = new Set(examples.map(([, { resourceType }]) => resourceType));
    expect(OWNED_TYPES.filter((type) => !seen.has(type))).toEqual(['PlanDefinition']);
  });
});
