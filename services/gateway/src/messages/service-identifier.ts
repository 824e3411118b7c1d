import { IDENTIFIERS } from '@baton/contracts';

/** A service as messages name it: its id in the Directory of Services. */
export interface NamedService {
  readonly dosServiceId: string;
  /** How the system was spelt, where it was not the published spelling. */
  readonly spelt?: 'http' | 'other-case';
}

const DOS_ID = /^\d{1,12}$/;

/** Identifier systems whose spelling varies in messages: `http`, `id` for `Id`. What they name is the same. */
const LOOSE = new Map([IDENTIFIERS.dosService, IDENTIFIERS.odsOrganization, IDENTIFIERS.odsSite, IDENTIFIERS.nhsNumber].map((system) => [system.toLowerCase(), system]));

/** The published spelling of an identifier system, or the text as it came. */
export const publishedSystem = (system: string | undefined): string | undefined =>
  system === undefined ? undefined : (LOOSE.get(system.toLowerCase().replace(/^http:/, 'https:')) ?? system);

/** How a system's spelling departs from the published one. */
export const spellingOf = (system: string): NamedService['spelt'] => (publishedSystem(system) === system ? undefined : system.startsWith('http:') ? 'http' : 'other-case');

/** A service by system and value; nothing if it is no id of the Directory of Services. */
export function namedService(system: string | undefined, value: string | undefined): NamedService | undefined {
  if (system === undefined || value === undefined || publishedSystem(system) !== IDENTIFIERS.dosService || !DOS_ID.test(value)) return undefined;
  const spelt = spellingOf(system);
  return { dosServiceId: value, ...(spelt ? { spelt } : {}) };
}

/** A service by the endpoint of a MessageHeader: `https://fhir.nhs.uk/Id/dos-service-id|111111111`. */
export function serviceOfEndpoint(endpoint: string | undefined): NamedService | undefined {
  const [system, value, ...more] = (endpoint ?? '').split('|');
  return more.length > 0 ? undefined : namedService(system, value);
}

/** A service as an endpoint of a MessageHeader. */
export const endpointOf = (dosServiceId: string): string => `${IDENTIFIERS.dosService}|${dosServiceId}`;
