import { Pathway } from '@baton/contracts';
import { broken, ok, type Result, type Violation } from '@baton/kernel';
import { inconsistencies } from './pathway-rules.js';

interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

/**
 * Is this a pathway, and does it hang together? Everything that is wrong is found at once: first what the file may hold
 * at all, then, where its shape allows, every inconsistency between its parts.
 *
 * @param data what a pathway file contains, parsed as JSON
 * @returns the pathway with its defaults filled in, or every violation, each with the places it is at (`services[6].routes[0]`)
 */
export function checkPathway(data: unknown): Result<Pathway> {
  const parsed = Pathway.safeParse(data);
  const shape = parsed.success ? [] : parsed.error.issues.map(shapeViolation);
  // A response standard leans on nothing else in the file: leaving a broken one out lets the rest be checked as well.
  const rest = parsed.success ? parsed : Pathway.safeParse(withoutStandards(data, parsed.error.issues));
  const [first, ...more] = [...shape, ...(rest.success ? inconsistencies(rest.data) : [])];
  if (first) return broken(first, ...more);
  return ok(parsed.data as Pathway);
}

/** The place as partners read it: `services[6].routes[0].opens`. */
const place = (path: readonly PropertyKey[]): string => path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('').replace(/^\./, '') || 'pathway';

function shapeViolation(issue: Issue): Violation {
  const at = [place(issue.path)];
  if (isStandard(issue.path) && issue.path[4] === 'clock') {
    return { rule: 'standard-without-clock', says: 'A response standard says which clock it is measured by: clinical or national.', at, code: 'required' };
  }
  if (issue.code === 'unrecognized_keys') {
    const unknown = (issue.keys ?? []).join(', ');
    return { rule: 'unknown-field', says: `A pathway has no field ${unknown} here.`, at: (issue.keys ?? []).map((name) => place([...issue.path, name])), code: 'structure' };
  }
  return { rule: 'malformed-pathway', says: `${place(issue.path)}: ${issue.message}.`, at, code: 'structure' };
}

/** `services[i].responseStandards[j]…` */
const isStandard = (path: readonly PropertyKey[]): boolean => path[0] === 'services' && path[2] === 'responseStandards' && typeof path[3] === 'number';

function withoutStandards(data: unknown, issues: readonly Issue[]): unknown {
  const bad = new Set(issues.filter((issue) => isStandard(issue.path)).map((issue) => place(issue.path.slice(0, 4))));
  const { services } = (data ?? {}) as { services?: unknown };
  if (bad.size === 0 || !Array.isArray(services)) return data;
  const kept = services.map((service: { responseStandards?: unknown } | null, i) => {
    const standards = service?.responseStandards;
    return Array.isArray(standards) ? { ...service, responseStandards: standards.filter((_, j) => !bad.has(`services[${i}].responseStandards[${j}]`)) } : service;
  });
  return { ...(data as object), services: kept };
}
