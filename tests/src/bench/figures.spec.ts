import { median, quantile, ratioOf, rounded, summaryOf, type Window } from './figures.js';

const window = (done: number, seconds = 1): Window => ({ done, failed: {}, seconds, p50: 1, p99: 2, loadCpuSeconds: 0 });

describe('figures of a benchmark', () => {
  it('takes quantiles by nearest rank, whatever the order', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2);
    expect(quantile(Array.from({ length: 100 }, (_, n) => 100 - n), 0.99)).toBe(99);
    expect(quantile([7], 0.99)).toBe(7);
    expect(median([])).toBeNaN();
  });

  it('claims three significant digits and no more', () => {
    expect(rounded(0.0123456)).toBe(0.0123);
    expect(rounded(12.3456)).toBe(12.3);
    expect(rounded(123_456.7)).toBe(123_457);
  });

  it('divides repeat by repeat before it takes the median: a machine that drifts moves both', () => {
    const floor = [window(1000), window(100), window(10)];
    const own = [window(500), window(50), window(5)];
    expect(ratioOf(own, floor)).toBe(0.5);
    expect(ratioOf(own, [floor[2]!, floor[1]!, floor[0]!])).toBe(0.5);
  });

  it('shows how far the repeats lay apart', () => {
    expect(summaryOf([window(100), window(300), window(200, 2)])).toMatchObject({ perSecond: 100, range: [100, 300] });
  });
});
