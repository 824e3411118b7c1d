const first = 999_000_000;
const last = 999_999_999;
const known: string[] = [];
let next = first;

/**
 * The NHS number of an invented person: the same index gives the same number, another index another.
 * All begin with 999, which the NHS never gives out, and pass the modulus 11 check (NHS Data Dictionary, NHS NUMBER).
 * @param index from 0 to some 909,000
 * @throws RangeError beyond
 */
export function nhsNumber(index: number): string {
  if (!Number.isInteger(index) || index < 0) throw new RangeError(`An index is a whole number from 0, not ${index}.`);
  while (known.length <= index) {
    if (next > last) throw new RangeError(`There are only ${known.length} NHS numbers that begin with 999.`);
    const body = String(next++);
    const check = checkDigit(body);
    // Bodies whose check digit would be 10 are not used.
    if (check < 10) known.push(`${body}${check}`);
  }
  return known[index]!;
}

function checkDigit(body: string): number {
  const sum = [...body].reduce((total, digit, place) => total + Number(digit) * (10 - place), 0);
  return (11 - (sum % 11)) % 11;
}
