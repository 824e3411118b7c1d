/**
 * Whether two parsed JSON values are equal as RFC 6902 §4.6 says: numbers by value, objects whatever the order of their members.
 * Its cost is in proportion to the smaller of the two.
 */
export function jsonEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length && one.every((item, i) => jsonEqual(item, other[i]));
  }
  const members = Object.entries(one);
  return members.length === Object.keys(other).length && members.every(([key, value]) => Object.hasOwn(other, key) && jsonEqual(value, (other as Record<string, unknown>)[key]));
}

/** Whether objects and arrays are nested at most this many levels deep in a parsed JSON value. */
export const isWithinDepth = (value: unknown, levels: number): boolean =>
  typeof value !== 'object' || value === null || (levels > 0 && Object.values(value).every((child) => isWithinDepth(child, levels - 1)));
