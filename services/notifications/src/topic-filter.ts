import type { Topic, TopicFilter } from '@baton/contracts';

/** One condition of a subscription; several must all hold. */
export interface Filter {
  readonly name: string;
  readonly kind: TopicFilter['kind'];
  /** Field of an event's facts that is compared. */
  readonly field: string;
  /** Type a reference must point to. */
  readonly target?: string;
  /** One of these must match (a comma in the criterion means or). */
  readonly values: readonly string[];
}

const PARAMETER = /^(?:([A-Z][A-Za-z]*)[?.])?([a-z][a-z-]*)=(.+)$/;

/**
 * Reads a filter criterion of R5 Backport 1.1.0 in its three spellings: `patient=X`, `Encounter?patient=X`,
 * `Encounter.patient=X`; several joined by `&`.
 *
 * @returns undefined if the topic has no such filter, or the criterion is none
 */
export function readFilters(topic: Topic, criterion: string): Filter[] | undefined {
  const filters: Filter[] = [];
  let named: string | undefined;
  for (const part of criterion.trim().split('&')) {
    const [, type, name, value] = PARAMETER.exec(part) ?? [];
    named = type ?? named;
    const offered = topic.filters.find((filter) => filter.name === name);
    if (!offered || value === undefined || (named !== undefined && !topic.focusTypes.includes(named))) return undefined;
    const values = value.split(',').map((one) => decoded(one.trim()));
    if (values.some((one) => one === '')) return undefined;
    filters.push({ name: offered.name, kind: offered.kind, field: offered.field, values, ...(offered.target === undefined ? {} : { target: offered.target }) });
  }
  return filters;
}

/** Whether an event with these facts passes the filter. A fact that is missing passes none. */
export function passes(filter: Filter, facts: Readonly<Record<string, unknown>>): boolean {
  const fact = facts[filter.field];
  if (typeof fact !== 'string') return false;
  return filter.values.some((value) => (filter.kind === 'reference' ? pointsTo(value, filter.target, fact) : value.slice(value.lastIndexOf('|') + 1) === fact));
}

/** `Patient/1`, `https://…/Patient/1` and `1` all mean Patient 1; another type means somebody else. */
function pointsTo(value: string, target: string | undefined, id: string): boolean {
  const segments = value.split('/');
  return segments.at(-1) === id && (segments.length === 1 || target === undefined || segments.at(-2) === target);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
