/** A decimal as FHIR writes it. */
export const DECIMAL = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * The numbers a decimal stands for by the digits it is written with: 100 is [99.5, 100.5), 5.40 is [5.395, 5.405), 1e2 is
 * [50, 150) (R4 §3.1.1.4.6).
 *
 * @param text a decimal; JSON numbers have lost their trailing zeros, so 5.40 in a resource counts as 5.4
 */
export function precisionBounds(text: string): { low: number; high: number } {
  const [digits = '', exponent = '0'] = text.toLowerCase().split('e');
  const decimals = digits.split('.')[1]?.length ?? 0;
  const half = 10 ** (Number(exponent) - decimals) / 2;
  const value = Number(text);
  // Binary fractions: 5.4 - 0.05 must not end beside 5.35.
  const tidy = (number: number): number => Number(number.toPrecision(15));
  return { low: tidy(value - half), high: tidy(value + half) };
}
