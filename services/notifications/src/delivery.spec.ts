import fc from 'fast-check';
import { Breaker } from './breaker.js';
import { errorCodeOf, judge, pauseAfter, retryAfterMs, SCHEDULE } from './delivery.js';

describe('an answer', () => {
  it.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [301, 'retry'],
    [304, 'retry'],
    [400, 'parked'],
    [401, 'parked'],
    [404, 'parked'],
    [408, 'retry'],
    [410, 'gone'],
    [422, 'parked'],
    [425, 'retry'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ] as const)('%i means %s', (status, verdict) => {
    expect(judge({ status })).toBe(verdict);
  });

  it('that never came means to try again; an attempt that was too late was none', () => {
    expect([judge({ failure: 'timeout' }), judge({ failure: 'refused-address' }), judge({ failure: 'too-late' })]).toEqual(['retry', 'retry', 'abandoned']);
  });

  it('that failed has a code of subscription-error', () => {
    expect([errorCodeOf({ failure: 'dns' }), errorCodeOf({ failure: 'timeout' }), errorCodeOf({ status: 500 })]).toEqual(['dns-resolution-error', 'no-response', 'error-response']);
  });
});

describe('the schedule', () => {
  it('is 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, and then exhausted', () => {
    const hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24, undefined];
    expect(hours.map((_, i) => pauseAfter(i + 1, false, {}, 0.5))).toEqual(hours.map((hour) => (hour === undefined ? undefined : Math.round(hour * 3_600_000))));
  });

  it('is every 15 s without end for urgent events', () => {
    expect([1, 2, 50, 10_000].map((failed) => pauseAfter(failed, true, {}, 0.5))).toEqual([15_000, 15_000, 15_000, 15_000]);
  });

  it('spreads by 20 % to either side, and never goes below what the partner asks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 100_000_000 }), (failed, random, asked) => {
        const plain = pauseAfter(failed, false, {}, random)!;
        const base = SCHEDULE.pauses[failed - 1]!;
        expect(plain).toBeGreaterThanOrEqual(Math.floor(base * 0.8));
        expect(plain).toBeLessThanOrEqual(Math.ceil(base * 1.2));
        expect(pauseAfter(failed, false, { retryAfterMs: asked }, random)).toBe(Math.max(plain, Math.min(asked, 86_400_000)));
      }),
    );
  });

  it('lets a partner slow an alarm down to once a minute, not silence it', () => {
    expect(pauseAfter(1, true, { retryAfterMs: 3_600_000 }, 0.5)).toBe(60_000);
  });
});

describe('Retry-After', () => {
  const now = new Date('2026-11-20T10:00:00Z');
  it.each([
    ['120', 120_000],
    ['Fri, 20 Nov 2026 10:00:30 GMT', 30_000],
    ['Fri, 20 Nov 2026 09:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (value, ms) => expect(retryAfterMs(value, now)).toBe(ms));
});

describe('the breaker of an endpoint', () => {
  it('lets one request at a time through after five failures, at growing distances of at most 5 s, and all again after an answer', () => {
    const breaker = new Breaker();
    for (let i = 0; i < 4; i++) breaker.failed(0);
    expect(breaker.room(8, 0)).toBe(8);
    breaker.failed(0);
    expect([breaker.room(8, 499), breaker.room(8, 500)]).toEqual([0, 1]);
    for (let i = 0; i < 20; i++) breaker.failed(1_000);
    expect([breaker.room(8, 5_999), breaker.room(8, 6_000)]).toEqual([0, 1]);
    breaker.answered();
    expect(breaker.room(8, 6_000)).toBe(8);
  });
});
