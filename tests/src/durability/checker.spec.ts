import fc from 'fast-check';
import { check } from './checker.js';
import { cleanHistory } from './history.fixture.js';
import type { History } from './history.js';
import { sentence } from './invariants.js';
import { SABOTAGES, spoilt } from './sabotage.fixture.js';

const history = fc
  .record({ amendments: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 5 }), chances: fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })) })
  .map(({ amendments, chances }) => cleanHistory({ amendments, chance: () => chances.next().value as number }));

const example = (): History => {
  let state = 7;
  return cleanHistory({ amendments: [1, 2, 0], chance: () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647 });
};

describe('The checker of recorded histories', () => {
  it('finds nothing in a history that kept every promise', () => {
    expect(check(example()).map(sentence)).toEqual([]);
    fc.assert(fc.property(history, (clean) => expect(check(clean).map(sentence)).toEqual([])), { numRuns: 100 });
  });

  it.each(SABOTAGES)('names what is broken when $what (invariant $breaks)', (sabotage) => {
    const broken = spoilt(example(), sabotage);
    expect(broken).toBeDefined();
    expect(check(broken!).map(({ invariant }) => invariant)).toContain(sabotage.breaks);
  });

  it('finds whatever is spoilt in whatever history', () => {
    fc.assert(
      fc.property(history, fc.constantFrom(...SABOTAGES), fc.double({ min: 0, max: 0.999, noNaN: true }), (clean, sabotage, pick) => {
        const broken = spoilt(clean, sabotage, pick);
        fc.pre(broken !== undefined);
        expect(check(broken).map(({ invariant }) => invariant)).toContain(sabotage.breaks);
      }),
      { numRuns: 300 },
    );
  });

  it('says which change of whom was lost', () => {
    const clean = example();
    const [first] = clean.shown;
    const [violation] = check({ ...clean, shown: clean.shown.slice(1) });
    expect(sentence(violation!)).toBe(`1 (no acknowledged change is lost): ${first!.reference}/_history/1 was acknowledged (refer, p0-refer-1) and is not there`);
  });

  it('allows an introduction to be left out where something newer was told first', () => {
    const clean = cleanHistory({ amendments: [0], chance: () => 0.9 });
    const listed = clean.listed.filter(({ subscription, event }) => subscription === 'receiver' && event !== 'shared').map((event) => ({ ...event, number: event.number - 1 }));
    const arrived = clean.arrived.filter(({ subscription, number }) => subscription === 'receiver' && number > 1).map((event) => ({ ...event, number: event.number - 1 }));
    const late: History = {
      ...clean,
      listed: [...clean.listed.filter(({ subscription }) => subscription !== 'receiver'), ...listed],
      arrived: [...clean.arrived.filter(({ subscription }) => subscription !== 'receiver'), ...arrived],
      subscribers: clean.subscribers.map((one) => (one.name === 'receiver' ? { ...one, total: one.total - 1 } : one)),
    };
    expect(check(late).map(sentence)).toEqual([]);
  });
});
