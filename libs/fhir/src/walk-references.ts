import type { Resource } from './types.js';

/** One `Reference.reference` found in a resource. */
export interface FoundReference {
  /** The literal text. */
  readonly reference: string;
  /** Where, as FHIRPath from the resource's type: `ServiceRequest.performer[0].reference`. */
  readonly at: string;
  /** Whether it stands in a contained resource. */
  readonly contained: boolean;
  /** Puts another text in its place, in the resource itself. */
  readonly replace: (text: string) => void;
}

/** Elements named `reference` whose value is no literal text (`Consent.provision.actor.reference`) are objects, so a string tells them apart. */
function visit(value: unknown, at: string, contained: boolean, found: (reference: FoundReference) => void): void {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) visit(value[i], `${at}[${i}]`, contained, found);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const object = value as Record<string, unknown>;
  for (const key in object) {
    const child = object[key];
    if (typeof child === 'object' && child !== null) visit(child, `${at}.${key}`, contained || key === 'contained', found);
    else if (key === 'reference' && typeof child === 'string') {
      found({
        reference: child,
        at: `${at}.reference`,
        contained,
        replace: (text) => {
          object['reference'] = text;
        },
      });
    }
  }
}

/**
 * Visits every literal reference of a resource, those of contained resources and extensions included, in document order.
 * Canonicals are not references. Depth is bounded by what {@link parseStrict} lets in.
 */
export function walkReferences(resource: Resource, found: (reference: FoundReference) => void): void {
  visit(resource, resource.resourceType, false, found);
}

/** All literal references of a resource, as {@link walkReferences} visits them. */
export function referencesOf(resource: Resource): FoundReference[] {
  const all: FoundReference[] = [];
  walkReferences(resource, (reference) => all.push(reference));
  return all;
}
