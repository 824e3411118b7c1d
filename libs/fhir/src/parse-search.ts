import { Refused, refuse, type Violation } from '@baton/kernel';
import { splitEscaped, unescapeValue } from './query-escapes.js';
import { readDate, type DateValue } from './query-value.js';
import { isId } from './reference.js';
import { MOST_VALUES, readCriterion, type Fault } from './search-criterion.js';
import type { Criterion, SearchQuery } from './search-query.js';
import { COUNT_BY_DEFAULT, noResults, RESULT_PARAMETERS } from './search-result-parameters.js';
import { isOwnedType } from './types.js';

export interface SearchOptions {
  /** `Prefer: handling`: whether a parameter that is not understood refuses the search or is left out of it. */
  readonly handling: 'strict' | 'lenient';
  /** Our own base URL without slash at the end: references under it are our own. */
  readonly base?: string;
}

const MOST_PARAMETERS = 40;
const LONGEST_NAME = 128;
const LONGEST_VALUE = 8192;
/** About the form of the answer, which another layer looks at. */
const TRANSPORT = new Set(['_format', '_pretty']);
const REPEATABLE = /^_(?:rev)?include/;

/**
 * Reads a search (R4 §3.1.1), from a URL or a form.
 *
 * @param type a type Baton stores
 * @param params names and values, percent-decoded
 * @returns what was understood; what was not is `ignored` (lenient)
 * @throws Refused `malformed` naming each parameter whose value or modifier cannot be read, that is not known (strict), or
 *   that asks for more than a search may
 */
export function parseSearch(type: string, params: URLSearchParams, { handling, base }: SearchOptions): SearchQuery {
  if (!isOwnedType(type)) throw refuse('malformed', 'search-type-unknown', 'Resources of this type are not stored here.');
  if (params.size > MOST_PARAMETERS) throw refuse('malformed', 'search-too-wide', `A search takes at most ${MOST_PARAMETERS} parameters.`, { code: 'too-costly' });
  const search = new Search(type, base);
  for (const [name, value] of params) search.take(name, value);
  return search.finish(handling);
}

class Search {
  private readonly criteria: Criterion[] = [];
  private readonly lastUpdated: DateValue[][] = [];
  private readonly results = noResults();
  private readonly used: [string, string][] = [];
  private readonly unknown: Violation[] = [];
  private readonly ignored: string[] = [];
  private readonly broken: Violation[] = [];
  private readonly seen = new Set<string>();
  private ids: string[] | undefined;

  constructor(
    private readonly type: string,
    private readonly base: string | undefined,
  ) {}

  take(name: string, value: string): void {
    if (TRANSPORT.has(name)) return;
    const taken = name.length > LONGEST_NAME || value.length > LONGEST_VALUE ? tooLong : this.read(name, value);
    if (typeof taken === 'string') {
      if (name !== '_cursor') this.used.push([name, taken]);
      return;
    }
    const shown = name.slice(0, LONGEST_NAME);
    const violation: Violation = { rule: RULES[taken.fault], says: taken.says, at: [`http.${shown}`], code: CODES[taken.fault] };
    (taken.fault === 'unknown' ? this.unknown : this.broken).push(violation);
    if (taken.fault === 'unknown') this.ignored.push(shown);
  }

  finish(handling: SearchOptions['handling']): SearchQuery {
    const [first, ...rest] = handling === 'strict' ? [...this.broken, ...this.unknown] : this.broken;
    if (first) throw new Refused('malformed', [first, ...rest]);
    const { count = COUNT_BY_DEFAULT, sort = [], ...results } = this.results;
    const { type, criteria, lastUpdated, used, ignored, ids } = this;
    return { type, criteria, ...(ids ? { ids } : {}), lastUpdated, count, sort, ...results, used, ignored };
  }

  private read(name: string, value: string): string | Fault {
    const result = RESULT_PARAMETERS.get(name);
    if (result) {
      if (this.seen.has(name) && !REPEATABLE.test(name)) return { fault: 'malformed', says: `${name} may be given once.` };
      this.seen.add(name);
      return result(value, this.results, this.type);
    }
    if (name === '_id') return this.readIds(value);
    if (name === '_lastUpdated') return this.readLastUpdated(value);
    const criterion = readCriterion({ type: this.type, name, value, base: this.base });
    if ('fault' in criterion) return criterion;
    this.criteria.push(criterion);
    return value;
  }

  private readIds(value: string): string | Fault {
    const ids = splitEscaped(value, ',').map(unescapeValue);
    if (!ids.every(isId)) return { fault: 'malformed', says: '_id takes ids separated by commas.' };
    if (ids.length > MOST_VALUES) return { fault: 'too-wide', says: `_id takes at most ${MOST_VALUES} values.` };
    const before = this.ids;
    this.ids = before ? before.filter((id) => ids.includes(id)) : [...new Set(ids)];
    return value;
  }

  private readLastUpdated(value: string): string | Fault {
    const dates = splitEscaped(value, ',').map(readDate);
    const good = dates.filter((date) => date !== undefined);
    if (good.length < dates.length) return { fault: 'malformed', says: 'A value of _lastUpdated is no date.' };
    if (good.length > MOST_VALUES) return { fault: 'too-wide', says: `_lastUpdated takes at most ${MOST_VALUES} values.` };
    this.lastUpdated.push(good);
    return value;
  }
}

const RULES = { unknown: 'search-parameter-unknown', malformed: 'search-value-malformed', 'too-wide': 'search-too-wide' } as const;
const CODES = { unknown: 'not-supported', malformed: 'invalid', 'too-wide': 'too-costly' } as const;
const tooLong: Fault = { fault: 'too-wide', says: `A parameter is longer than a search may be: names ${LONGEST_NAME}, values ${LONGEST_VALUE} characters.` };
