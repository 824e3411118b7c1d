/**
 * Whether two JSON values say the same: member order does not matter, order in arrays does, and absent is not null.
 * Prototypes are not looked at, unlike in `isDeepStrictEqual`: values come from different parsers.
 */
export function sameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length && one.every((each, i) => sameJson(each, other[i]));
  }
  const [a, b] = [new Map(Object.entries(one)), new Map(Object.entries(other))];
  return a.size === b.size && [...a].every(([name, value]) => b.has(name) && sameJson(value, b.get(name)));
}
