import { judge } from './topic-log.js';

const at = (key: string, ...versions: number[]) => versions.map((version) => ({ id: `${key}${version}`, topic: 'baton.referrals.referral', key, version }));
const broken = (logged: Parameters<typeof judge>[0]): number[] => judge(logged).map(({ invariant }) => invariant);

describe('What lies on a topic', () => {
  it('is as promised where versions of an aggregate follow one another, others between them, and where some are sent again', () => {
    expect(judge([...at('a', 1, 2), ...at('b', 1), ...at('a', 3)])).toEqual([]);
    expect(judge([...at('a', 1, 2, 3), ...at('a', 2, 3), ...at('a', 4), ...at('a', 1)])).toEqual([]);
  });

  it.each([
    ['one is missing', at('a', 1, 3), [4]],
    ['two come the other way round', at('a', 1, 3, 2), [4, 4]],
    ['the first never came', at('a', 2), [4]],
    ['a version is there as two events', [...at('a', 1), { ...at('a', 1)[0]!, id: 'other' }], [3]],
  ])('breaks a promise where %s', (_what, logged, invariants) => {
    expect(broken(logged)).toEqual(invariants);
  });
});
