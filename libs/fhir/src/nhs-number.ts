import { IDENTIFIERS } from '@baton/contracts';
import type { Violation } from '@baton/kernel';
import { isResource } from './types.js';

/** The identifier system of NHS numbers. */
export const NHS_NUMBER_SYSTEM = IDENTIFIERS.nhsNumber;

/**
 * Whether a text is an NHS number by form: ten digits without spaces, the last a modulus 11 check digit over the first nine
 * (NHS Data Dictionary, NHS NUMBER). It says nothing about whether the number was given to anyone, or to this person.
 */
export const isNhsNumber = (text: string): boolean => /^[0-9]{10}$/.test(text) && withCheckDigit(text.slice(0, 9)) === text;

/** The NHS number of nine digits, its check digit added; undefined for those that are never given out (their check would be 10). */
export function withCheckDigit(body: string): string | undefined {
  let sum = 0;
  for (let place = 0; place < 9; place++) sum += (body.charCodeAt(place) - 48) * (10 - place);
  const check = (11 - (sum % 11)) % 11;
  return check === 10 ? undefined : `${body}${check}`;
}

/**
 * A violation for each of a resource's own identifiers that claims to be an NHS number and is none by form. An identifier without
 * value (its number withheld or unknown) claims nothing.
 *
 * @param resource usually a Patient
 * @param at where it stands, if inside something else: `Bundle.entry[2].resource`
 */
export function nhsNumberViolations(resource: unknown, at?: string): Violation[] {
  if (!isResource(resource) || !Array.isArray(resource['identifier'])) return [];
  const place = at ?? resource.resourceType;
  return resource['identifier'].flatMap((identifier: unknown, i): Violation[] => {
    const { system, value } = (identifier ?? {}) as { system?: unknown; value?: unknown };
    if (system !== NHS_NUMBER_SYSTEM || value === undefined || (typeof value === 'string' && isNhsNumber(value))) return [];
    return [{ rule: 'nhs-number-check-digit', says: 'This is no NHS number: ten digits, the last a modulus 11 check digit.', at: [`${place}.identifier[${i}].value`], code: 'value' }];
  });
}
