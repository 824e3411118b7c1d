import { topicOf } from '@baton/contracts';
import fc from 'fast-check';
import { passes, readFilters } from './topic-filter.js';

const referral = topicOf('https://baton.example/fhir/SubscriptionTopic/referral')!;
const episode = topicOf('https://baton.example/fhir/SubscriptionTopic/episode|1.0')!;

describe('a filter criterion', () => {
  it.each(['patient=p1', 'ServiceRequest?patient=p1', 'ServiceRequest.patient=p1'])('means the same in each spelling: %s', (criterion) => {
    expect(readFilters(referral, criterion)).toEqual([{ name: 'patient', kind: 'reference', target: 'Patient', field: 'patient', values: ['p1'] }]);
  });

  it('may hold several conditions', () => {
    expect(readFilters(episode, 'Encounter?patient=p1&status=finished,planned')).toMatchObject([{ name: 'patient' }, { name: 'status', values: ['finished', 'planned'] }]);
  });

  it.each(['mood=low', 'patient:missing=true', 'Encounter?patient=p1', 'Patient.name=x', 'patient', 'patient=', 'patient=,', '', '=x', 'patient=p1&mood=low'])('that the topic does not offer is none: %s', (criterion) => {
    expect(readFilters(referral, criterion)).toBeUndefined();
  });

  it('is read or refused, never an exception, whatever it holds', () => {
    fc.assert(fc.property(fc.string(), (text) => void readFilters(referral, `patient=${text}`)));
  });
});

describe('a condition', () => {
  const holds = (criterion: string, facts: Record<string, unknown>): boolean => readFilters(referral, criterion)!.every((filter) => passes(filter, facts));

  it.each([
    ['patient=p1', true],
    ['patient=Patient/p1', true],
    ['patient=https://baton.example/fhir/R4/Patient/p1', true],
    ['patient=Group/p1', false],
    ['patient=p2', false],
    ['patient=p2,p1', true],
    ['status=accepted', true],
    ['status=http://hl7.org/fhir/task-status|accepted', true],
    ['status=accept', false],
    ['business-status=held-for-consent', false],
  ])('%s → %s', (criterion, expected) => {
    expect(holds(criterion, { patient: 'p1', status: 'accepted' })).toBe(expected);
  });
});
