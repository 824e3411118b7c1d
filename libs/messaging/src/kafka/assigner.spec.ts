import { shareOut } from './assigner.js';

const eight = [0, 1, 2, 3, 4, 5, 6, 7];

describe('The partitions of a group', () => {
  it('are shared evenly, per topic and over all', () => {
    const members = ['a', 'b', 'c'].map((memberId) => ({ memberId, topics: ['one', 'two'] }));
    const shares = [...shareOut(members, new Map([['one', eight], ['two', eight]])).values()];
    for (const topic of ['one', 'two']) expect(shares.map((share) => share[topic]!.length).sort()).toEqual([2, 3, 3]);
    expect(shares.map((share) => share['one']!.length + share['two']!.length).sort()).toEqual([5, 5, 6]);
    expect(shares.flatMap((share) => share['one']!).sort()).toEqual(eight);
  });

  it('go only to members that read their topic', () => {
    const shares = shareOut([{ memberId: 'old', topics: ['one'] }, { memberId: 'new', topics: ['one', 'two'] }], new Map([['one', eight], ['two', eight]]));
    expect(shares.get('old')!['one']).toHaveLength(4);
    expect(shares.get('old')!['two']).toBeUndefined();
    expect(shares.get('new')!['two']).toEqual(eight);
  });

  it('are nobody else\'s when there are more members than partitions', () => {
    const shares = shareOut(['a', 'b'].map((memberId) => ({ memberId, topics: ['one'] })), new Map([['one', [0]]]));
    expect([shares.get('a'), shares.get('b')]).toEqual([{ one: [0] }, {}]);
  });
});
