import { IDENTIFIERS } from '@baton/contracts';
import type { Identifier, Resource } from '@baton/fhir';
import { publishedSystem } from './service-identifier.js';

/** Codes that identifiers of a directory have; anything else is not looked up. */
const CODE = /^[A-Za-z0-9]{1,12}$/;

/** The value of the first identifier of a system, whatever way the system is spelt. */
export function identifierOf(resource: Resource | undefined, system: string): string | undefined {
  const identifiers = (resource?.['identifier'] ?? []) as Identifier[];
  return Array.isArray(identifiers) ? identifiers.find((each) => publishedSystem(each.system) === system && each.value !== undefined && CODE.test(each.value))?.value : undefined;
}

/** ODS code of an Organization, if it has one. */
export const odsCodeOf = (resource: Resource | undefined): string | undefined => (resource?.resourceType === 'Organization' ? identifierOf(resource, IDENTIFIERS.odsOrganization) : undefined);
