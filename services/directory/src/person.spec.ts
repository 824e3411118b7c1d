import { EXTENSIONS, IDENTIFIERS, NHS_NUMBER_STATUS } from '@baton/contracts';
import type { Identifier, Patient } from '@baton/fhir';
import { nhsNumber } from '@baton/testing';
import fc from 'fast-check';
import { claimOf, moveOf, reviewOf, samePerson, type Claim, type Identity } from './person.js';
import { identityOf, invalidNhsNumbers, withPresentStatuses } from './person.fhir.js';

const status = (code: string, system: string = NHS_NUMBER_STATUS.system) => ({ extension: [{ url: EXTENSIONS.nhsNumberVerification, valueCodeableConcept: { coding: [{ system, code }] } }] });
const number = (index: number, more: Partial<Identifier> = {}): Identifier => ({ system: IDENTIFIERS.nhsNumber, value: nhsNumber(index), ...more });
const patient = (...identifier: Identifier[]): Patient => ({ resourceType: 'Patient', birthDate: '2010-05-17', identifier });
const claim = (of: Patient, trusted = false): Claim | undefined => claimOf(identityOf(of), trusted);

const anyClaim = fc.option(
  fc.record({ number: fc.constantFrom('a', 'b'), birthDate: fc.constantFrom('2010-05-17', '2010-05-18', undefined), verified: fc.boolean() }).map((c): Claim => ({ ...c, verified: c.verified && c.birthDate !== undefined })),
  { nil: undefined },
);

describe('two Patients are one person', () => {
  it('when the number was verified and the birth date agrees, in either spelling of the status', () => {
    const one = claim(patient(number(1, status('01'))));
    const other = claim(patient(number(1, status('number-present-and-verified', NHS_NUMBER_STATUS.older))));
    expect(samePerson(one, other)).toBe(true);
  });

  it('when a trusted partner says nothing of verification', () => {
    expect(claim(patient(number(1)), true)?.verified).toBe(true);
    expect(claim(patient(number(1)), false)?.verified).toBe(false);
  });

  it.each(['02', '03', '04', '05', '06', '07', 'no-such-code'])('not with status %s, however trusted the partner', (code) => {
    expect(claim(patient(number(1, status(code))), true)?.verified).toBe(false);
  });

  it('not when a status comes from a code system nobody knows', () => {
    expect(claim(patient(number(1, status('01', 'https://somewhere.example'))), true)?.verified).toBe(false);
  });

  it.each(['2010-05', '2010', undefined])('not with the birth date %s', (birthDate) => {
    const { birthDate: _, ...rest } = patient(number(1, status('01')));
    expect(claim(birthDate === undefined ? rest : { ...rest, birthDate })?.verified).toBe(false);
  });

  it('not when several numbers are in use, but an old one does not count', () => {
    expect(claim(patient(number(1, status('01')), number(2, status('01'))))?.verified).toBe(false);
    expect(claim(patient(number(1, status('01')), number(2, { use: 'old' })))?.verified).toBe(true);
  });

  it('not when one of two identifiers for the number says it was not verified', () => {
    expect(claim(patient(number(1, status('01')), number(1, status('03'))), true)?.verified).toBe(false);
  });

  it('a number that fails modulus 11 is no claim', () => {
    expect(claim(patient({ system: IDENTIFIERS.nhsNumber, value: '9990000000', ...status('01') }))).toBeUndefined();
    expect(claim(patient({ system: 'https://trust.example/mrn', value: nhsNumber(1) }), true)).toBeUndefined();
  });
});

describe('claims', () => {
  it('are compared alike from both sides, and no pair is both linked and reviewed', () => {
    fc.assert(
      fc.property(anyClaim, anyClaim, (one, other) => {
        expect(samePerson(one, other)).toBe(samePerson(other, one));
        expect(reviewOf(one, other)).toBe(reviewOf(other, one));
        expect(samePerson(one, other) && reviewOf(one, other) !== undefined).toBe(false);
      }),
    );
  });

  it('move a person only when the verified claim changes', () => {
    fc.assert(
      fc.property(anyClaim, anyClaim, (before, after) => {
        const verified = (c: Claim | undefined): string => (c?.verified ? `${c.number} ${c.birthDate}` : '');
        expect(moveOf(before, after) === 'stay').toBe(verified(before) === verified(after));
      }),
    );
  });

  it('a pair that was verified twice is looked at for its birth dates', () => {
    const of = (identity: Partial<Identity>): Claim => claimOf({ nhsNumbers: ['n'], status: '01', birthDate: '2010-05-17', ...identity }, false)!;
    expect(reviewOf(of({}), of({ birthDate: '2010-05-18' }))).toBe('birth-date-differs');
    expect(reviewOf(of({}), of({ status: '03' }))).toBe('not-verified');
    expect(reviewOf(of({}), of({ nhsNumbers: ['m'] }))).toBeUndefined();
  });
});

describe('what a Patient carries', () => {
  it('names each invalid NHS number by its place, but those of the version before', () => {
    const bad = { system: IDENTIFIERS.nhsNumber, value: '999 000 0018' };
    const found = invalidNhsNumbers(patient(number(1), bad));
    expect(found).toEqual([expect.objectContaining({ rule: 'nhs-number-invalid', at: ['Patient.identifier[1].value'] })]);
    expect(invalidNhsNumbers(patient(bad), patient(bad))).toEqual([]);
  });

  it('the status of the older code system is written in the present one, the rest stays', () => {
    const of = patient(number(1, status('trace-required', NHS_NUMBER_STATUS.older)), { system: 'https://trust.example/mrn', value: '7' });
    expect(withPresentStatuses(of)).toEqual(patient(number(1, { extension: [{ url: EXTENSIONS.nhsNumberVerification, valueCodeableConcept: { coding: [{ system: NHS_NUMBER_STATUS.system, code: '03', display: 'Trace required' }] } }] }), of.identifier![1]!));
    const present = patient(number(1, status('03')));
    expect(withPresentStatuses(present)).toBe(present);
  });
});
