import fc from 'fast-check';
import { isNhsNumber, NHS_NUMBER_SYSTEM, nhsNumberViolations } from './nhs-number.js';

const digits = fc.stringMatching(/^999[0-9]{7}$/);

describe('isNhsNumber', () => {
  it.each(['9990548609', '9990000026', '9999999999'])('accepts %s, whose check digit is right', (number) => {
    expect(isNhsNumber(number)).toBe(true);
  });

  it('accepts at most one check digit for any nine digits', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^999[0-9]{6}$/), (body) => {
        const accepted = [...'0123456789'].filter((check) => isNhsNumber(body + check));
        expect(accepted.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('refuses a number with one digit mistyped, or two neighbours swapped', () => {
    fc.assert(
      fc.property(digits, fc.nat(9), fc.integer({ min: 1, max: 9 }), (text, place, by) => {
        fc.pre(isNhsNumber(text));
        const mistyped = text.slice(0, place) + String((Number(text[place]) + by) % 10) + text.slice(place + 1);
        expect(isNhsNumber(mistyped)).toBe(false);
        const swapped = text.slice(0, place) + text.slice(place, place + 2).split('').reverse().join('') + text.slice(place + 2);
        expect(isNhsNumber(swapped)).toBe(swapped === text);
      }),
    );
  });

  it.each(['', '999054860', '99905486090', '999 054 8609', '９９９０５４８６０９', '999054860X', '9990548609\n'])('refuses what is not ten plain digits: %j', (text) => {
    expect(isNhsNumber(text)).toBe(false);
  });
});

describe('nhsNumberViolations', () => {
  const patient = (...identifier: unknown[]) => ({ resourceType: 'Patient', identifier });

  it('names each identifier whose number fails the check, without repeating it', () => {
    const violations = nhsNumberViolations(patient({ system: 'https://other.example', value: '1' }, { system: NHS_NUMBER_SYSTEM, value: '9990548608' }));
    expect(violations).toEqual([expect.objectContaining({ rule: 'nhs-number-check-digit', at: ['Patient.identifier[1].value'] })]);
    expect(JSON.stringify(violations)).not.toContain('9990548608');
  });

  it('has nothing against a right number, a missing one, or no identifiers', () => {
    expect(nhsNumberViolations(patient({ system: NHS_NUMBER_SYSTEM, value: '9990548609' }, { system: NHS_NUMBER_SYSTEM }))).toEqual([]);
    expect(nhsNumberViolations({ resourceType: 'Patient' })).toEqual([]);
  });

  it('says where inside a Bundle', () => {
    expect(nhsNumberViolations(patient({ system: NHS_NUMBER_SYSTEM, value: 'x' }), 'Bundle.entry[2].resource')[0]?.at).toEqual(['Bundle.entry[2].resource.identifier[0].value']);
  });
});
