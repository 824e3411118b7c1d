import { nhsNumber } from './nhs-number.js';

describe('Invented NHS numbers', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => nhsNumber(index));

  it('have ten digits, begin with 999 and are all different', () => {
    for (const number of many) expect(number).toMatch(/^999\d{7}$/);
    expect(new Set(many).size).toBe(many.length);
  });

  it('pass modulus 11: the digits weighted ten to one add up to a multiple of eleven', () => {
    for (const number of many) expect([...number].reduce((sum, digit, place) => sum + Number(digit) * (10 - place), 0) % 11).toBe(0);
  });

  it('leave out none that is valid: the one that UK Core uses in its examples is among them', () => {
    expect(nhsNumber(49_873)).toBe('9990548609');
  });

  it('are the same for the same index, in whatever order they are asked for', () => {
    expect(nhsNumber(17)).toBe(many[17]);
  });

  it.each([-1, 0.5, NaN])('are not made for %p', (index) => {
    expect(() => nhsNumber(index)).toThrow(RangeError);
  });
});
