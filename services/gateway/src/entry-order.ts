import { referencesOf, type Resource } from '@baton/fhir';

/** As much of a Bundle's entry as its order depends on. */
export interface Ordered {
  readonly method: string;
  readonly fullUrl?: string | undefined;
  readonly resource?: Resource | undefined;
}

const RANK: Readonly<Record<string, number>> = { DELETE: 0, POST: 1, PUT: 2, PATCH: 2, GET: 3, HEAD: 3 };

/**
 * The order in which the entries of a transaction are carried out: by verb, as R4 §3.1.0.11.2 has it (DELETE, POST, PUT and
 * PATCH, GET); among the POSTs what is referred to before what refers to it, so that rules find it.
 *
 * @returns positions in the Bundle; entries that refer to one another in a circle stay as they came
 */
export function executionOrder(entries: readonly Ordered[]): number[] {
  const byUrl = new Map(entries.flatMap((entry, place) => (entry.method === 'POST' && entry.fullUrl !== undefined ? [[entry.fullUrl, place] as const] : [])));
  const posts: number[] = [];
  const seen = new Set<number>();
  const visit = (place: number): void => {
    if (seen.has(place)) return;
    seen.add(place);
    const { resource } = entries[place]!;
    for (const { reference } of resource ? referencesOf(resource) : []) {
      const needed = byUrl.get(reference);
      if (needed !== undefined) visit(needed);
    }
    posts.push(place);
  };
  entries.forEach((entry, place) => {
    if (entry.method === 'POST') visit(place);
  });
  const rank = (place: number): number => RANK[entries[place]!.method] ?? 4;
  const others = entries.map((_, place) => place).filter((place) => entries[place]!.method !== 'POST');
  return [...others.filter((place) => rank(place) < 1), ...posts, ...others.filter((place) => rank(place) > 1).sort((a, b) => rank(a) - rank(b) || a - b)];
}
