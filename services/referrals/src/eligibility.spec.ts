import { readFileSync } from 'node:fs';
import { EXCLUSION, Pathway, type PathwayService } from '@baton/contracts';
import fc from 'fast-check';
import { judge, type Judged } from './eligibility.js';

const pathway = Pathway.parse(JSON.parse(readFileSync(new URL('../../../contracts/pathways/greater-manchester.json', import.meta.url), 'utf8')));
const NOON = new Date('2026-11-25T12:00:00Z');

const eligible: Judged = {
  youngPerson: { birthDate: '2011-05-04', places: ['Bolton'] },
  referral: { service: 'gm-crisis-care.safe-zones', referrer: 'rapid-response', codings: [], contains: ['reason', 'risk', 'young-persons-words', 'carer-informed'] },
  receivedAt: NOON,
  pathway,
};

const rules = (judged: Judged): string[] => {
  const verdict = judge(judged);
  return verdict.eligible ? [] : verdict.violations.map((violation) => violation.rule);
};
const young = (birthDate: string | undefined, places: readonly string[] = ['Bolton']): Judged => ({ ...eligible, youngPerson: { birthDate, places } });
const referral = (change: Partial<Judged['referral']>): Judged => ({ ...eligible, referral: { ...eligible.referral, ...change } });

describe('eligibility', () => {
  it('is given when nothing stands against it', () => {
    expect(judge(eligible)).toEqual({ eligible: true });
  });

  it('is judged by age in full years on the day of receipt', () => {
    expect(rules(young('2013-11-25'))).toEqual([]);
    expect(rules(young('2013-11-26'))).toEqual(['age-outside-band']);
    expect(rules(young('2007-11-26'))).toEqual([]);
    expect(rules(young('2007-11-25'))).toEqual(['age-outside-band']);
    expect(rules(young('2027-01-01'))).toEqual(['age-outside-band']);
  });

  it('takes the day of receipt from London, where it may be tomorrow already', () => {
    const birthday = young('2013-07-01');
    expect(rules({ ...birthday, receivedAt: new Date('2026-06-30T22:59:00Z') })).toEqual(['age-outside-band']);
    expect(rules({ ...birthday, receivedAt: new Date('2026-06-30T23:00:00Z') })).toEqual([]);
  });

  it('lets a birth date that is not exact count when it may be in the band', () => {
    expect(rules(young('2013'))).toEqual([]);
    expect(rules(young('2014'))).toEqual(['age-outside-band']);
    expect(rules(young(undefined))).toEqual(['birth-date-missing']);
  });

  it('knows a home by code, name or place, and refuses one that is not served', () => {
    expect(rules(young('2011-05-04', ['E08000001']))).toEqual([]);
    expect(rules(young('2011-05-04', ['Lancashire', ' farnworth ']))).toEqual([]);
    expect(rules(young('2011-05-04', ['Leeds']))).toEqual(['locality-not-served']);
  });

  it('does not refuse someone whose home is not known', () => {
    expect(rules(young('2011-05-04', []))).toEqual([]);
  });

  it('wants a site that serves the home, if a site was chosen', () => {
    expect(rules(referral({ site: 'gm-crisis-care.safe-zones.west' }))).toEqual([]);
    expect(rules(referral({ site: 'gm-crisis-care.safe-zones.north' }))).toEqual(['site-outside-locality']);
    expect(rules(referral({ site: 'gm-crisis-care.safe-zones.moon' }))).toEqual(['unknown-site']);
  });

  it('takes referrals by a route that is open on that day only', () => {
    const liaison = referral({ referrer: 'liaison' });
    expect(rules(liaison)).toEqual([]);
    expect(rules({ ...liaison, receivedAt: new Date('2026-05-31T22:59:59Z') })).toEqual(['route-not-yet-open']);
    expect(rules({ ...liaison, receivedAt: new Date('2026-05-31T23:00:00Z') })).toEqual([]);
    expect(rules(referral({ referrer: 'childrens-services' }))).toEqual(['no-route']);
    expect(rules(referral({ referrer: 'somebody-else' }))).toEqual(['no-route']);
  });

  it('refuses a route from the day it closes', () => {
    const closing = structuredClone(pathway);
    closing.services.find((each) => each.id === 'safe-zones')!.routes[0]!.closes = '2026-11-25';
    expect(rules({ ...eligible, pathway: closing })).toEqual(['route-closed']);
    expect(rules({ ...eligible, pathway: closing, receivedAt: new Date('2026-11-24T23:59:59Z') })).toEqual([]);
  });

  it('lets a partner refer as a coded source only where the pathway says so', () => {
    expect(rules(referral({ referrer: 'safe-zones', source: 'Q1' }))).toEqual(['route-not-yet-open']);
    expect(rules(referral({ referrer: 'rapid-response', source: 'Q1' }))).toEqual(['source-not-yours']);
    const crisis = { ...eligible.referral, service: 'gm-crisis-care.liaison' };
    expect(rules({ ...eligible, referral: { ...crisis, referrer: 'liaison', source: 'H1' } })).toEqual([]);
  });

  it('lets a delivery partner refer onward from the service it works for', () => {
    expect(rules(referral({ service: 'gm-crisis-care.community-camhs', referrer: '42nd-street' }))).toEqual([]);
  });

  it('refuses what the service excludes, by its own coding or another that means the same', () => {
    expect(rules(referral({ codings: [{ system: EXCLUSION.system, code: 'immediate-danger' }] }))).toEqual(['excluded-immediate-danger']);
    expect(rules(referral({ codings: [{ system: 'http://other.example', code: 'immediate-danger' }] }))).toEqual([]);
    const mapped = structuredClone(pathway);
    mapped.services.find((each) => each.id === 'safe-zones')!.exclusions[0]!.carriedAs = [{ system: 'http://other.example', code: 'X' }];
    expect(rules({ ...referral({ codings: [{ system: 'http://other.example', code: 'X' }] }), pathway: mapped })).toEqual(['excluded-immediate-medical-attention']);
  });

  it('names every reason at once, and none of them tells anything of the young person', () => {
    const verdict = judge({
      ...eligible,
      youngPerson: { birthDate: '1959-05-04', places: ['Overtown'] },
      referral: { ...eligible.referral, referrer: 'childrens-services', codings: [{ system: EXCLUSION.system, code: 'in-patient' }], contains: ['reason'] },
    });
    expect(verdict.eligible).toBe(false);
    const violations = verdict.eligible ? [] : verdict.violations;
    expect(violations.map((violation) => violation.rule)).toEqual([
      'no-route', 'age-outside-band', 'locality-not-served', 'excluded-in-patient', 'risk-missing', 'young-persons-words-missing', 'carer-informed-missing',
    ]);
    expect(JSON.stringify(violations)).not.toMatch(/1959|Overtown|67/);
  });

  it('refuses a service that gives advice only, or that the pathway does not have', () => {
    expect(rules(referral({ service: 'gm-crisis-care.medical-on-call' }))).toContain('service-takes-no-referrals');
    expect(rules(referral({ service: 'gm-crisis-care.nowhere' }))).toEqual(['service-unknown']);
    expect(rules(referral({ service: 'safe-zones' }))).toEqual(['service-unknown']);
  });

  it('lets the young person wait when the service is full, and says how long', () => {
    expect(judge({ ...eligible, room: { free: 1, ahead: 0 } })).toEqual({ eligible: true });
    expect(judge({ ...eligible, room: { free: 0, ahead: 3, expectedDays: 5 } })).toEqual({ eligible: true, waiting: { ahead: 3, expectedDays: 5 } });
  });

  it('is one verdict of independent rules: a further fault never hides another', () => {
    const faults: ((judged: Judged) => Judged)[] = [
      (judged) => ({ ...judged, youngPerson: { ...judged.youngPerson, birthDate: '1959-05-04' } }),
      (judged) => ({ ...judged, youngPerson: { ...judged.youngPerson, places: ['Leeds'] } }),
      (judged) => ({ ...judged, referral: { ...judged.referral, referrer: 'childrens-services' } }),
      (judged) => ({ ...judged, referral: { ...judged.referral, contains: [] } }),
      (judged) => ({ ...judged, referral: { ...judged.referral, codings: [{ system: EXCLUSION.system, code: 'in-patient' }] } }),
    ];
    fc.assert(
      fc.property(fc.subarray(faults), (chosen) => {
        const alone = chosen.flatMap((fault) => rules(fault(eligible)));
        const together = rules(chosen.reduce((judged, fault) => fault(judged), eligible));
        expect(together.toSorted()).toEqual(alone.toSorted());
      }),
    );
  });

  it('is data, not code: the adult pathway judges by other rules', () => {
    const adult = Pathway.parse(JSON.parse(readFileSync(new URL('../../../contracts/pathways/adult-example.json', import.meta.url), 'utf8')));
    const crisis = adult.services.find((each: PathwayService) => each.dosServiceId === '111111111')!;
    const judged: Judged = {
      youngPerson: { birthDate: '1959-05-04', places: ['Overtown', 'West Yorkshire'] },
      referral: { service: `${adult.id}.${crisis.id}`, referrer: 'ambulance-control', codings: [], contains: [] },
      receivedAt: NOON,
      pathway: adult,
    };
    expect(judge(judged)).toEqual({ eligible: true });
    expect(rules({ ...judged, youngPerson: { birthDate: '2011-05-04' } })).toEqual(['age-outside-band']);
  });
});
