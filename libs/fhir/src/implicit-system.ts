import { compileSearchPath } from './compiled-path.js';
import type { SearchParameter } from './search-parameters.js';

const found = new Map<string, string | undefined>();

/** The code system of a token parameter whose element is a `code` with a required binding to a single system (`ServiceRequest.status`). */
export function implicitSystemOf(type: string, parameter: SearchParameter): string | undefined {
  const key = `${type}.${parameter.code}`;
  if (!found.has(key)) {
    const kinds = compileSearchPath(type, parameter.expression).kinds;
    found.set(key, kinds.length === 1 && kinds[0]!.type === 'code' ? kinds[0]!.system : undefined);
  }
  return found.get(key);
}
