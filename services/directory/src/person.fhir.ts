import { EXTENSIONS, IDENTIFIERS, NHS_NUMBER_STATUS, nhsNumberStatus, type NhsNumberStatus } from '@baton/contracts';
import { isNhsNumber, type Coding, type Extension, type Identifier, type Patient } from '@baton/fhir';
import type { Violation } from '@baton/kernel';
import type { Identity } from './person.js';

/** What a Patient says of who it is. Numbers that are marked old, or fail modulus 11, say nothing. */
export function identityOf(patient: Patient): Identity {
  const numbers = nhsIdentifiers(patient).filter(({ use, value }) => use !== 'old' && value !== undefined && isNhsNumber(value));
  const status = statusOf(numbers);
  return {
    nhsNumbers: [...new Set(numbers.map(({ value }) => value!))],
    ...(status === undefined ? {} : { status }),
    ...(patient.birthDate === undefined ? {} : { birthDate: patient.birthDate }),
  };
}

/** Several identifiers for one number: the number counts as verified only if none of them says otherwise. */
function statusOf(identifiers: readonly Identifier[]): NhsNumberStatus | undefined {
  const said = identifiers.map(verificationStatus).filter((status) => status !== undefined);
  return said.find((status) => status !== '01') ?? said[0];
}

const nhsIdentifiers = (patient: Patient): Identifier[] => (patient.identifier ?? []).filter(({ system }) => system === IDENTIFIERS.nhsNumber);

/** A status that is there and cannot be read is not silence: it counts as not traced. */
function verificationStatus(identifier: Identifier): NhsNumberStatus | undefined {
  const extension = identifier.extension?.find(({ url }) => url === EXTENSIONS.nhsNumberVerification);
  if (!extension) return undefined;
  const codes = (extension.valueCodeableConcept?.coding ?? []).filter(isStatusCoding).map(({ code }) => nhsNumberStatus(code ?? ''));
  return codes.find((code) => code !== undefined) ?? '02';
}

const isStatusCoding = ({ system }: Coding): boolean => system === NHS_NUMBER_STATUS.system || system === NHS_NUMBER_STATUS.older;

/** NHS numbers that fail modulus 11, with their places; those of the version before are not complained about again. */
export function invalidNhsNumbers(patient: Patient, before?: Patient): Violation[] {
  const known = new Set(before ? nhsIdentifiers(before).map(({ value }) => value) : []);
  return (patient.identifier ?? []).flatMap(({ system, value }, i) =>
    system !== IDENTIFIERS.nhsNumber || value === undefined || isNhsNumber(value) || known.has(value)
      ? []
      : [{ rule: 'nhs-number-invalid', says: 'An NHS number has ten digits without spaces, the last of which is a modulus 11 check digit.', at: [`Patient.identifier[${i}].value`], code: 'value' }],
  );
}

/** The Patient with verification statuses of the older code system in the present one: both are read, one is written. */
export function withPresentStatuses(patient: Patient): Patient {
  if (!nhsIdentifiers(patient).some(({ extension }) => extension?.some(isOlder))) return patient;
  return {
    ...patient,
    identifier: patient.identifier!.map((identifier) =>
      identifier.system === IDENTIFIERS.nhsNumber && identifier.extension ? { ...identifier, extension: identifier.extension.map(present) } : identifier,
    ),
  };
}

const isOlder = (extension: Extension): boolean =>
  extension.url === EXTENSIONS.nhsNumberVerification && (extension.valueCodeableConcept?.coding ?? []).some(({ system }) => system === NHS_NUMBER_STATUS.older);

function present(extension: Extension): Extension {
  if (!isOlder(extension)) return extension;
  const coding = extension.valueCodeableConcept!.coding!.map((each) => {
    const code = each.system === NHS_NUMBER_STATUS.older && each.code !== undefined ? nhsNumberStatus(each.code) : undefined;
    return code === undefined ? each : { ...each, system: NHS_NUMBER_STATUS.system, code, display: NHS_NUMBER_STATUS.codes[code] };
  });
  return { ...extension, valueCodeableConcept: { ...extension.valueCodeableConcept, coding } };
}
