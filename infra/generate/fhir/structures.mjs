// Draws from the StructureDefinitions what validation and indexing need: per type its elements, as `min..max type`.

const FHIR_TYPE = 'http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type';
const last = (path) => path.slice(path.lastIndexOf('.') + 1);

function typeNames(element) {
  return element.type.map((type) => (type.code.startsWith('http://hl7.org/fhirpath/') ? (type.extension ?? []).find((e) => e.url === FHIR_TYPE)?.valueUrl ?? 'string' : type.code));
}

/** `min..max type|type`, then ` !set` where a required binding of a code can be listed. */
function elementSpec(path, element, names, setOf) {
  const max = element.max === '*' ? '*' : '1';
  const types = element.contentReference ? [element.contentReference.slice(1)] : names[0] === 'BackboneElement' || (names[0] === 'Element' && !path.endsWith('[x]')) ? [path] : names;
  const set = names[0] === 'code' && element.binding?.strength === 'required' ? setOf(element.binding.valueSet) : undefined;
  return `${element.min}..${max} ${types.join('|')}${set ? ` !${set}` : ''}`;
}

/**
 * @param roots names of the resource types; every datatype they reach comes with them
 * @param expand from `terminology()`
 * @returns { structures: { Type: { element: spec } }, codes: { set: { system?, codes } } }, keys sorted
 */
export function drawStructures(definitions, roots, expand) {
  const structures = {};
  const codes = {};
  const setOf = (canonical) => {
    const name = last(canonical.split('|')[0].replaceAll('/', '.'));
    const expanded = codes[name] ?? expand(canonical);
    if (!expanded) return undefined;
    codes[name] ??= { ...(expanded.systems.length === 1 ? { system: expanded.systems[0] } : {}), codes: [...expanded.codes].sort() };
    return name;
  };
  const reached = [...roots, 'Element'];
  for (const name of reached) {
    const definition = definitions.get(name);
    if (!definition) throw new Error(`No StructureDefinition of ${name}`);
    for (const element of definition.snapshot.element.slice(1)) {
      const owner = element.path.slice(0, element.path.lastIndexOf('.'));
      const names = element.type ? (element.path === `${name}.id` && definition.kind === 'resource' ? ['id'] : typeNames(element)) : [];
      (structures[owner] ??= {})[last(element.path)] = elementSpec(element.path, element, names, setOf);
      for (const type of names) if (/^[A-Z]/.test(type) && !['Resource', 'BackboneElement'].includes(type) && !reached.includes(type)) reached.push(type);
    }
  }
  const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { structures: sorted(structures), codes: sorted(codes) };
}
