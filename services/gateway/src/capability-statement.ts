import { resourceType, TOPICS } from '@baton/contracts';
import { searchParametersOf, type CapabilityStatement } from '@baton/fhir';
import type { TypeRules } from '@baton/fhir-store';
import type { FhirOperation } from '@baton/service-host';

type ServerResource = NonNullable<NonNullable<CapabilityStatement['rest']>[number]['resource']>[number];

const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport';

/**
 * The CapabilityStatement, made from what is registered and from nothing else (R4 §2.1.0.5).
 *
 * @param base FHIR base URL
 * @param date day the software was built, `YYYY-MM-DD`
 */
export function capabilityStatement(base: string, types: readonly TypeRules[], operations: readonly FhirOperation[], date: string): CapabilityStatement {
  return {
    resourceType: 'CapabilityStatement',
    url: `${base}/metadata`,
    name: 'Baton',
    title: 'Baton: referrals, episodes and consent around a young person in crisis',
    status: 'active',
    date,
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['application/fhir+json', 'json'],
    patchFormat: ['application/json-patch+json'],
    instantiates: [`${BACKPORT}/CapabilityStatement/backport-subscription-server-r4`],
    software: { name: 'Baton' },
    implementation: { description: 'Baton', url: base },
    rest: [
      {
        mode: 'server',
        security: {
          service: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/restful-security-service', code: 'SMART-on-FHIR' }], text: 'SMART Backend Services (private_key_jwt)' }],
          description: 'Every answer depends on the consent decisions in force at that moment.',
        },
        resource: [...types].sort((a, b) => a.type.localeCompare(b.type)).map((rules) => resourceOf(rules, operations)),
        interaction: [{ code: 'transaction' }, { code: 'batch' }],
        operation: operations.filter((operation) => operation.type === undefined).map(({ name, definition }) => ({ name, definition })),
      },
    ],
  };
}

function resourceOf(rules: TypeRules, operations: readonly FhirOperation[]): ServerResource {
  // What comes from a pathway file is Baton's to write, and nobody's to send.
  const writable = resourceType(rules.type)?.written === 'partner';
  const offered: NonNullable<ServerResource['interaction']> = [
    { code: 'read' },
    { code: 'vread' },
    { code: 'history-instance' },
    { code: 'search-type' },
    ...(writable && rules.create ? [{ code: 'create' as const }] : []),
    ...(writable && rules.update ? [{ code: 'update' as const }, { code: 'patch' as const }] : []),
    ...(writable && rules.remove ? [{ code: 'delete' as const }] : []),
  ];
  const own = operations.filter((operation) => operation.type === rules.type).map(({ name, definition }) => ({ name, definition }));
  return {
    type: rules.type as ServerResource['type'],
    ...(rules.type === 'Subscription' ? { extension: TOPICS.map((topic) => ({ url: `${BACKPORT}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical`, valueCanonical: topic.canonical })) } : {}),
    interaction: offered,
    versioning: 'versioned-update',
    readHistory: true,
    updateCreate: false,
    conditionalCreate: writable && rules.create !== undefined,
    conditionalRead: 'full-support',
    conditionalUpdate: writable && rules.update !== undefined,
    conditionalDelete: writable && rules.remove ? 'single' : 'not-supported',
    searchParam: [...searchParametersOf(rules.type).values()].map(({ code, type }) => ({ name: code, type })),
    ...(own.length > 0 ? { operation: own } : {}),
  };
}
