import { resourceType } from '@baton/contracts';
import type { TypeRules } from '@baton/fhir-store';

const PATH = /^\/fhir\/R4\/([A-Z][A-Za-z]*)(\/[^?]*)?(?:\?|$)/;

/** Whether a Bundle or a message is posted to an address, and nothing else offered there. */
export const takesBundles = (url: string): boolean => /^\/fhir\/R4(?:\/\$process-message)?\/?(?:\?|$)/.test(url);

/**
 * The methods that an address of the FHIR interface takes: a 405 must name them (RFC 9110 §15.5.6).
 *
 * @param rules of the types that are answered here
 * @param url path and query, as requested
 * @returns none where no type is named
 */
export function offeredMethods(rules: ReadonlyMap<string, TypeRules>, url: string): string[] {
  if (takesBundles(url)) return ['POST'];
  const [, type = '', below = ''] = PATH.exec(url) ?? [];
  const of = rules.get(type);
  if (!of) return [];
  if (below === '/_search') return ['POST'];
  const writable = resourceType(type)?.written === 'partner';
  const where = (has: boolean, ...methods: string[]): string[] => (writable && has ? methods : []);
  if (below === '' || below === '/') return ['GET', 'HEAD', ...where(of.create !== undefined, 'POST'), ...where(of.update !== undefined, 'PUT', 'PATCH'), ...where(of.remove !== undefined, 'DELETE')];
  if (/^\/[^/]+\/?$/.test(below)) return ['GET', 'HEAD', ...where(of.update !== undefined, 'PUT', 'PATCH'), ...where(of.remove !== undefined, 'DELETE')];
  return ['GET', 'HEAD'];
}
