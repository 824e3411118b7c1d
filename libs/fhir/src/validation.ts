import { refuseIfAny, type Violation } from '@baton/kernel';
import { isHarmlessNarrative } from './narrative.js';
import { structureOf, type ElementDefinition, type Structure } from './structure.js';
import { isResource, type Resource } from './types.js';

/** More violations than this are not listed. */
const AT_MOST = 100;
/** More codes than this are not listed in a message. */
const CODES_AT_MOST = 15;
const UNSAFE = 'A narrative is one div with formatting only: no scripts, handlers or embedded content.';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const hasArticle = (type: string): string => (/^[aeiou]/i.test(type) ? `an ${type}` : `a ${type}`);
const isElementName = (key: string): boolean => /^_?[A-Za-z][A-Za-z0-9]{0,63}$/.test(key);

/** One pass over a resource; its work is in proportion to what is there, not to what a type could have. */
class Validation {
  readonly violations: Violation[] = [];
  /** Where the pass stands: property names and indexes from the root. */
  private readonly path: (string | number)[] = [];

  constructor(private readonly root: string) {}

  object(object: Record<string, unknown>, structure: Structure): void {
    const properties = structure.properties;
    let seen = 0;
    let empty = true;
    for (const key in object) {
      empty = false;
      const definition = properties.get(key);
      this.path.push(key);
      if (definition === undefined) seen |= this.other(key, object, structure);
      else {
        if (definition.isChoice && (seen & definition.bit) !== 0) this.severalChoices(definition, structure);
        seen |= definition.bit;
        this.element(object[key], definition, object, key);
      }
      this.path.pop();
    }
    if (empty) this.add('empty-element', 'An element must have a value or children.', 'structure');
    if ((seen & structure.requiredBits) !== structure.requiredBits) this.missing(seen, structure);
  }

  /** A property that is no element: the resource's type, the extensions of a primitive, or unknown. Returns the bit of the element it stands for. */
  private other(key: string, object: Record<string, unknown>, structure: Structure): number {
    if (key === 'resourceType' && structure.isResource) return 0;
    const base = key.charCodeAt(0) === 95 ? key.slice(1) : undefined;
    const definition = base === undefined ? undefined : structure.properties.get(base);
    if (base === undefined || definition?.primitive === undefined) {
      this.unknown(key, structure);
      return 0;
    }
    this.extensions(object[key], definition, base in object);
    return definition.bit;
  }

  private element(value: unknown, definition: ElementDefinition, owner: Record<string, unknown>, key: string): void {
    if (!definition.many) {
      this.single(value, definition);
      return;
    }
    if (!Array.isArray(value)) {
      this.add('wrong-type', `${definition.element} is a list.`, 'structure');
      return;
    }
    if (value.length === 0) this.add('empty-element', 'A list must have an item.', 'structure');
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (item === null && definition.primitive && hasExtension(owner[`_${key}`], i)) continue;
      this.path.push(i);
      this.single(item, definition);
      this.path.pop();
    }
  }

  private single(value: unknown, definition: ElementDefinition): void {
    if (definition.primitive) {
      if (definition.codes?.has(value as string)) return;
      const fault = definition.primitive(value);
      if (fault !== undefined) this.wrongValue(fault, value, definition);
      else if (definition.codes) this.notInSet(definition);
      else if (definition.type === 'xhtml' && !isHarmlessNarrative(value as string)) {
        this.add('unsafe-narrative', UNSAFE, 'invariant');
      }
    } else if (!isObject(value)) this.wrongType(value, definition);
    else if (definition.type === 'Resource') this.inner(value);
    else this.object(value, structureOf(definition.type)!);
  }

  /** A resource inside: not looked into, but for what a browser could run. */
  private inner(resource: Record<string, unknown>): void {
    if (!isResource(resource)) this.add('required-element', 'A resource must say its resourceType.', 'required');
    const text = resource['text'];
    if (isObject(text) && !(typeof text['div'] === 'string' && isHarmlessNarrative(text['div']))) this.add('unsafe-narrative', UNSAFE, 'invariant');
  }

  /** `_birthDate`: id and extensions of a primitive; for a list as long as it, with null where there are none. */
  private extensions(value: unknown, definition: ElementDefinition, hasValue: boolean): void {
    const element = structureOf('Element')!;
    if (!definition.many) {
      if (isObject(value)) this.object(value, element);
      else this.add('wrong-type', 'The extensions of a primitive are an object.', 'structure');
    } else if (!Array.isArray(value)) this.add('wrong-type', 'The extensions of a list of primitives are a list.', 'structure');
    else
      value.forEach((item: unknown, i) => {
        this.path.push(i);
        if (isObject(item)) this.object(item, element);
        else if (item !== null || !hasValue) this.add('wrong-type', 'The extensions of a primitive are an object.', 'structure');
        this.path.pop();
      });
  }

  private unknown(key: string, structure: Structure): void {
    // The name came from outside: it is told only if it looks like a name.
    if (isElementName(key)) this.add('unknown-element', `${structure.type} has no element of this name.`, 'structure');
    else {
      this.path.pop();
      this.add('unknown-element', `${structure.type} has an element that no type knows.`, 'structure');
      this.path.push(key);
    }
  }

  private missing(seen: number, structure: Structure): void {
    for (const { element, bit } of structure.required) {
      if ((seen & bit) !== 0) continue;
      this.path.push(element);
      this.add('required-element', `${structure.type} must have ${element}.`, 'required');
      this.path.pop();
    }
  }

  private severalChoices(definition: ElementDefinition, structure: Structure): void {
    this.add('one-choice-only', `${structure.type} has at most one ${definition.element}[x].`, 'structure');
  }

  private wrongType(value: unknown, definition: ElementDefinition): void {
    if (Array.isArray(value)) this.add('too-many', `${definition.element} is single, not a list.`, 'structure');
    else this.add('wrong-type', `${definition.element} is ${hasArticle(definition.type.includes('.') ? 'object' : definition.type)}.`, 'structure');
  }

  private wrongValue(fault: 'type' | 'form', value: unknown, definition: ElementDefinition): void {
    if (fault === 'type') this.wrongType(value, definition);
    else this.add('wrong-form', `This is not the form of ${hasArticle(definition.type)}.`, 'value');
  }

  private notInSet({ codes }: ElementDefinition): void {
    const allowed = [...codes!];
    const listed = allowed.length <= CODES_AT_MOST ? `: ${allowed.join(', ')}` : '';
    this.add('code-not-in-value-set', `This code is not one of those allowed${listed}.`, 'code-invalid');
  }

  private add(rule: string, says: string, code: string): void {
    if (this.violations.length >= AT_MOST) return;
    const at = this.root + this.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
    this.violations.push({ rule, says, at: [at], code });
  }
}

function hasExtension(companion: unknown, i: number): boolean {
  return Array.isArray(companion) && isObject(companion[i]);
}

/**
 * Checks a resource against the structure R4 gives its type: unknown elements, cardinalities, JSON types and forms of primitives, codes
 * of required bindings, one of each choice, narrative without scripts. Of contained resources and entries of a Bundle only
 * `resourceType` and narrative are looked at: validate them by themselves. Invariants and profiles are not checked.
 *
 * @param resource a parsed JSON value
 * @param expectedType the type it has to be, where the place it was sent to says so
 * @param at where it stands, if inside something else: `Bundle.entry[2].resource`
 * @returns everything found, at most 100; no message repeats a value
 */
export function validate(resource: unknown, expectedType?: string, at?: string): Violation[] {
  if (!isResource(resource)) {
    return [{ rule: 'not-a-resource', says: 'A resource is a JSON object that says its resourceType.', at: [at ?? expectedType ?? '$'], code: 'structure' }];
  }
  const type = resource.resourceType;
  if (expectedType !== undefined && type !== expectedType) {
    return [{ rule: 'wrong-resource-type', says: `The resource must be ${hasArticle(expectedType)}.`, at: [`${at ?? expectedType}.resourceType`], code: 'invalid' }];
  }
  const structure = structureOf(type);
  if (!structure?.isResource) {
    return [{ rule: 'unknown-resource-type', says: 'Baton knows no resource type of this name.', at: [at === undefined ? 'resourceType' : `${at}.resourceType`], code: 'not-supported' }];
  }
  const validation = new Validation(at ?? type);
  validation.object(resource, structure);
  return validation.violations;
}

/** As {@link validate}, for callers that go on only with a valid resource. @throws Refused `malformed` with all violations, if there are any */
export function validateOrRefuse(resource: unknown, expectedType?: string, at?: string): Resource {
  refuseIfAny('malformed', validate(resource, expectedType, at));
  return resource as Resource;
}
