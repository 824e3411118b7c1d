import { CODES } from './generated/codes.js';
import { STRUCTURES } from './generated/structures.js';
import { PRIMITIVES, type PrimitiveCheck } from './primitive.js';

/** One JSON property that a type may have; each type of a choice (`valueString`, `valueCoding` …) is one. */
export interface ElementDefinition {
  /** `value`: the element's name, for a choice without its type. */
  readonly element: string;
  /** `string`, `Coding`, `Encounter.participant` … */
  readonly type: string;
  readonly many: boolean;
  readonly isChoice: boolean;
  /** Bit of this element among those that are required or choices; 0 for others. */
  readonly bit: number;
  /** Set for primitive types. */
  readonly primitive: PrimitiveCheck | undefined;
  /** Codes of the required binding, where they can be listed. */
  readonly codes: ReadonlySet<string> | undefined;
  /** The code system these codes are from, if it is one. */
  readonly system: string | undefined;
}

/** What a type may and must have. */
export interface Structure {
  readonly type: string;
  /** A resource type, not a datatype or backbone element. */
  readonly isResource: boolean;
  readonly properties: ReadonlyMap<string, ElementDefinition>;
  /** Properties of each element by the element's name: several for a choice. */
  readonly elements: ReadonlyMap<string, readonly { readonly property: string; readonly definition: ElementDefinition }[]>;
  readonly required: readonly { readonly element: string; readonly bit: number }[];
  readonly requiredBits: number;
}

const SPEC = /^([01])\.\.([1*]) (\S+)(?: !(\S+))?$/;
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const codeSets = new Map<string, ReadonlySet<string>>();

function codesOf(set: string | undefined): ReadonlySet<string> | undefined {
  const listed = set === undefined ? undefined : CODES[set];
  if (set === undefined || !listed) return undefined;
  let codes = codeSets.get(set);
  if (!codes) codeSets.set(set, (codes = new Set(listed.codes)));
  return codes;
}

function build(type: string, specs: Readonly<Record<string, string>>): Structure {
  const properties = new Map<string, ElementDefinition>();
  const elements = new Map<string, { property: string; definition: ElementDefinition }[]>();
  const required: { element: string; bit: number }[] = [];
  let bits = 0;
  for (const [name, spec] of Object.entries(specs)) {
    const [, min, max, types = '', set] = SPEC.exec(spec) ?? [];
    const isChoice = name.endsWith('[x]');
    const element = isChoice ? name.slice(0, -3) : name;
    const bit = isChoice || min === '1' ? 1 << bits++ : 0;
    if (bits > 31) throw new Error(`${type} has more required elements and choices than bits`);
    if (min === '1') required.push({ element, bit });
    const own = types.split('|').map((of) => {
      const definition = { element, type: of, many: max === '*', isChoice, bit, primitive: PRIMITIVES[of], codes: codesOf(set), system: set === undefined ? undefined : CODES[set]?.system };
      return { property: isChoice ? element + capital(of) : element, definition };
    });
    elements.set(element, own);
    for (const { property, definition } of own) properties.set(property, definition);
  }
  return { type, isResource: properties.has('meta') && !type.includes('.'), properties, elements, required, requiredBits: required.reduce((all, { bit }) => all | bit, 0) };
}

const built = new Map<string, Structure>();

/** The structure of a resource type, datatype or backbone element (`Encounter.participant`), built when first asked for; undefined if Baton does not know it. */
export function structureOf(type: string): Structure | undefined {
  const found = built.get(type);
  if (found) return found;
  const specs = Object.hasOwn(STRUCTURES, type) ? STRUCTURES[type] : undefined;
  if (!specs) return undefined;
  const structure = build(type, specs);
  built.set(type, structure);
  return structure;
}
