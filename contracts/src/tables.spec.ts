import type { z } from 'zod';
import { CLINICAL_PRIORITY, CODE_SYSTEMS, coding, fhirPriority, isVeryUrgent, nationalPriority, nhsNumberStatus, PRIORITIES, REJECTION } from './codes.js';
import { EVENTS, eventContract } from './events.js';
import { CATEGORIES, RELATIONS, RESOURCE_SCHEMAS, RESOURCE_TYPES, resourceType } from './relations.js';
import { TOPICS, topicOf } from './topics.js';

const fieldsOf = (type: string): string[] => Object.keys((eventContract(type).data as z.ZodObject).shape);

describe('subscription topics', () => {
  it('narrow only by what an event of theirs tells', () => {
    const strange = TOPICS.flatMap((topic) => topic.filters.filter((filter) => !topic.events.some((type) => fieldsOf(type).includes(filter.field))).map((filter) => `${topic.name}: ${filter.name}`));
    expect(strange).toEqual([]);
  });

  it('carry every event about a referral, an episode or a decision', () => {
    const carried = new Set(TOPICS.flatMap((topic) => topic.events));
    expect(EVENTS.map((event) => event.type).filter((type) => !carried.has(type))).toEqual(['baton.directory.patient-recorded.v1', 'baton.directory.patient-amended.v1']);
  });

  it('have a focus that Baton stores', () => {
    expect(TOPICS.flatMap((topic) => topic.focusTypes).filter((type) => resourceType(type) === undefined)).toEqual([]);
  });

  it('are found by canonical, with a version or without', () => {
    expect(topicOf('https://baton.example/fhir/SubscriptionTopic/care-plan')?.name).toBe('care-plan');
    expect(topicOf('https://baton.example/fhir/SubscriptionTopic/access|1.0')?.name).toBe('access');
    expect(topicOf('https://baton.example/fhir/SubscriptionTopic/other')).toBeUndefined();
  });
});

describe('published relations', () => {
  it('are published by every schema that stores a type, with its category known', () => {
    for (const type of Object.values(RESOURCE_TYPES)) {
      expect(RESOURCE_SCHEMAS).toContain(type.schema);
      expect(CATEGORIES).toContain(type.category);
    }
  });

  it('have names with a major version, and columns that are there once', () => {
    for (const relation of RELATIONS) {
      expect(relation.name).toMatch(/_v\d+$/);
      const names = relation.columns.map((column) => column.name);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('never delete what must stay: a mistake is marked as one', () => {
    expect(Object.entries(RESOURCE_TYPES).filter(([, type]) => !type.deletable).map(([name]) => name).toSorted()).toEqual(
      ['Consent', 'EpisodeOfCare', 'HealthcareService', 'Location', 'Organization', 'PlanDefinition', 'ServiceRequest', 'Task'],
    );
  });

  it('know no type by a name that only looks like one', () => {
    expect([resourceType('constructor'), resourceType('__proto__'), resourceType('Medication')]).toEqual([undefined, undefined, undefined]);
  });
});

describe('code lists', () => {
  it('have one canonical each', () => {
    const systems = CODE_SYSTEMS.map((list) => list.system);
    expect(new Set(systems).size).toBe(systems.length);
  });

  it('order priorities by urgency, not by number', () => {
    expect(PRIORITIES.map((each) => each.national)).toEqual(['1', '4', '2', '3']);
    expect(Object.keys(CLINICAL_PRIORITY.codes).toSorted()).toEqual(PRIORITIES.map((each) => each.national).toSorted());
    for (const { national, fhir } of PRIORITIES) expect([nationalPriority(fhir), fhirPriority(national)]).toEqual([national, fhir]);
    expect(nationalPriority(undefined)).toBe('3');
    expect((['stat', 'asap', 'urgent', 'routine'] as const).map(isVeryUrgent)).toEqual([true, true, false, false]);
  });

  it('read the older verification statuses of an NHS number', () => {
    expect([nhsNumberStatus('01'), nhsNumberStatus('number-present-and-verified'), nhsNumberStatus('toString')]).toEqual(['01', '01', undefined]);
  });

  it('give a coding only for a code they have', () => {
    expect(coding(REJECTION, '02')).toEqual({ system: 'https://baton.example/fhir/CodeSystem/mhsds-referral-rejection', code: '02', display: 'Inappropriate' });
    expect(() => coding(REJECTION, 'valueOf')).toThrow('no code');
  });
});
