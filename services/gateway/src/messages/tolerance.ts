import { EXTENSIONS, IDENTIFIERS, NHS_NUMBER_STATUS } from '@baton/contracts';
import { nhsNumberViolations, type Identifier, type ServiceRequest } from '@baton/fhir';
import type { Violation } from '@baton/kernel';
import { placeOf, type MessageEntries, type MessageEntry } from './message-entries.js';
import { publishedSystem, spellingOf } from './service-identifier.js';

const named = (rule: string, says: string, at: string): Violation => ({ rule, says, at: [at], code: 'value' });

/**
 * What a message is not as it should be, and does no harm: it is read, and named in the answer, so that its sender can put it
 * right (standards §3). What would change the meaning is refused elsewhere.
 */
export const contentTolerated = (entries: MessageEntries, focus: MessageEntry, now: Date): Violation[] => [
  ...entries.all.flatMap(identifierFaults),
  ...entries.all.filter(({ resource }) => resource.resourceType === 'Patient').flatMap(numberFaults),
  ...requestFaults(focus, now),
];

const identifiersOf = ({ resource }: MessageEntry): Identifier[] => (Array.isArray(resource['identifier']) ? (resource['identifier'] as Identifier[]) : []);

function identifierFaults(entry: MessageEntry): Violation[] {
  return identifiersOf(entry).flatMap(({ system }, i): Violation[] => {
    const spelt = system === undefined ? undefined : spellingOf(system);
    const at = `${placeOf(entry)}.identifier[${i}].system`;
    if (spelt === 'http') return [named('dos-system-http', 'The identifier system is spelt with http; it was read as https.', at)];
    return spelt ? [named('identifier-system-case', `The identifier system is spelt otherwise than published; it was read as ${publishedSystem(system)}.`, at)] : [];
  });
}

/** A number that fails its check is kept as it came; persons are not linked by it. */
function numberFaults(entry: MessageEntry): Violation[] {
  const older = identifiersOf(entry).flatMap(({ system, extension }, i) =>
    system === IDENTIFIERS.nhsNumber &&
    extension?.some(({ url, valueCodeableConcept }) => url === EXTENSIONS.nhsNumberVerification && valueCodeableConcept?.coding?.some((coding) => coding.system === NHS_NUMBER_STATUS.older))
      ? [named('older-verification-status', `The verification status is of an older code system; it was read as one of ${NHS_NUMBER_STATUS.system}.`, `${placeOf(entry)}.identifier[${i}]`)]
      : [],
  );
  const failing = nhsNumberViolations(entry.resource, placeOf(entry)).map((violation) => ({ ...violation, says: 'The NHS number fails its check digit: it was kept as it came, and is not used to find the person.' }));
  return [...failing, ...older];
}

function requestFaults(focus: MessageEntry, now: Date): Violation[] {
  const { authoredOn, priority, occurrencePeriod } = focus.resource as unknown as ServiceRequest;
  const at = placeOf(focus);
  const end = Date.parse(occurrencePeriod?.end ?? '');
  return [
    ...(authoredOn === undefined ? [named('authored-on-missing', 'The ServiceRequest does not say when it was authored; the time of receipt was taken.', `${at}.authoredOn`)] : []),
    ...(priority === undefined ? [named('priority-missing', 'The ServiceRequest has no priority; it was read as routine.', `${at}.priority`)] : []),
    ...(end < now.getTime() ? [named('occurrence-past', 'The time by which it was asked for has passed.', `${at}.occurrencePeriod.end`)] : []),
  ];
}
