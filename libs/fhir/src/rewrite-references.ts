import type { Resource } from './types.js';

/** The text to put in the place of a reference; undefined leaves it. `at` is as in `walkReferences`. */
export type Rename = (reference: string, at: string) => string | undefined;

/**
 * A copy of a resource with other references in it, wherever they stand: contained resources and extensions too. What does
 * not change is shared with the original, which stays as it is.
 */
export const rewriteReferences = <R extends Resource>(resource: R, rename: Rename): R => rewrite(resource, resource.resourceType, rename) as R;

function rewrite(value: unknown, at: string, rename: Rename): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value as unknown[];
    const copies = items.map((item, i) => rewrite(item, `${at}[${i}]`, rename));
    return copies.some((copy, i) => copy !== items[i]) ? copies : value;
  }
  let copy: Record<string, unknown> | undefined;
  for (const [key, child] of Object.entries(value)) {
    const place = `${at}.${key}`;
    const renamed = key === 'reference' && typeof child === 'string' ? (rename(child, place) ?? child) : rewrite(child, place, rename);
    if (renamed !== child) (copy ??= { ...value })[key] = renamed;
  }
  return copy ?? value;
}
