import { Refused, refuse } from '@baton/kernel';
import { outcomeOf, outcomeOfSuccess, statusOf } from './operation-outcome.js';

describe('a refusal on the wire', () => {
  it('has one issue per violation, with the name of the rule, a sentence and the place', () => {
    const refused = new Refused('rule-broken', [
      { rule: 'route-closed', says: 'This route opens later.', at: ['ServiceRequest.requester'] },
      { rule: 'age-outside-band', says: 'The service is for ages 13 to 18.', code: 'value' },
    ]);
    expect(outcomeOf(refused)).toEqual({
      resourceType: 'OperationOutcome',
      issue: [
        {
          severity: 'error',
          code: 'business-rule',
          details: { coding: [{ system: 'https://baton.example/fhir/CodeSystem/rule', code: 'route-closed' }], text: 'This route opens later.' },
          expression: ['ServiceRequest.requester'],
        },
        {
          severity: 'error',
          code: 'value',
          details: { coding: [{ system: 'https://baton.example/fhir/CodeSystem/rule', code: 'age-outside-band' }], text: 'The service is for ages 13 to 18.' },
        },
      ],
    });
  });

  it('points at what the caller should look at instead', () => {
    const [issue] = outcomeOf(refuse('duplicate', 'referral-open', 'There is an open referral.', { see: 'ServiceRequest/1' })).issue;
    expect(issue).toMatchObject({ code: 'duplicate', diagnostics: 'See ServiceRequest/1', extension: [{ valueReference: { reference: 'ServiceRequest/1' } }] });
  });

  it('falls back on the issue type of its kind where a violation names one that R4 does not know', () => {
    expect(outcomeOf(refuse('unknown', 'no-such-resource', 'Not found.', { code: 'made-up' })).issue[0]?.code).toBe('not-found');
  });

  it.each([
    ['malformed', 400], ['unauthenticated', 401], ['forbidden', 403], ['unknown', 404], ['not-allowed', 405], ['not-acceptable', 406], ['duplicate', 409],
    ['conflict', 409], ['gone', 410], ['stale', 412], ['ambiguous', 412], ['too-large', 413], ['unsupported-media', 415], ['rule-broken', 422],
    ['too-early', 425], ['throttled', 429], ['unavailable', 503],
  ] as const)('%s is answered with %i', (kind, status) => {
    expect(statusOf(kind)).toBe(status);
  });

  it('says that all is well, and what was tolerated', () => {
    const outcome = outcomeOfSuccess('Valid.', [{ rule: 'nhs-number-check-digit', says: 'Kept, never used to link.' }]);
    expect(outcome.issue.map(({ severity }) => severity)).toEqual(['information', 'warning']);
  });
});
