import { groupOf } from './routes.js';

const group = groupOf([{ prefix: '/fhir/R4/Task', to: 'referrals' }, { prefix: '/fhir/R4/Task/special/', to: 'episodes' }, { prefix: '/fhir', to: 'gateway' }], 'other');

describe('an address belongs to the group of the longest prefix', () => {
  it.each([
    ['/fhir/R4/Task', 'referrals'],
    ['/fhir/R4/Task/', 'referrals'],
    ['/fhir/R4/Task/123', 'referrals'],
    ['/fhir/R4/Task?status=ready', 'referrals'],
    ['/fhir/R4/Task/_search', 'referrals'],
    ['/fhir/R4/TaskX', 'gateway'],
    ['/fhir/R4/Tas', 'gateway'],
    ['/fhir/R4/Task/special/1', 'episodes'],
    ['/fhir/R4/Task/special', 'episodes'],
    ['/fhir/R4/Task/specials', 'referrals'],
    ['/fhir/R4/T%61sk', 'gateway'],
    ['/fhir?x=/fhir/R4/Task', 'gateway'],
    ['/', 'other'],
    ['/docs', 'other'],
    ['//fhir/R4/Task', 'other'],
  ])('%s: %s', (target, to) => expect(group(target)).toBe(to));

  it('where a route is for everything, to that', () => expect(groupOf([{ prefix: '/', to: 'all' }], 'other')('/x')).toBe('all'));
});
