import fc from 'fast-check';
import { dateInterval, parseDate, periodInterval } from './date-interval.js';

const at = (iso: string) => new Date(iso).getTime();
const moment = fc.date({ min: new Date('0100-01-01T00:00:00Z'), max: new Date('9998-12-31T23:59:59Z'), noInvalidDate: true });
const PREFIXES = [4, 7, 10];

describe('the interval of a date', () => {
  it.each([
    ['2026', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['2026-12', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z', '2024-03-01T00:00:00Z'],
    ['2026-03-29T01:30', '2026-03-29T01:30:00Z', '2026-03-29T01:31:00Z'],
    ['2026-03-29T01:30:00+01:00', '2026-03-29T00:30:00Z', '2026-03-29T00:30:01Z'],
    ['2026-03-29T01:30:00.12Z', '2026-03-29T01:30:00.120Z', '2026-03-29T01:30:00.121Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00Z', '2017-01-01T00:00:01Z'],
  ])('%s reaches from %s to before %s', (text, low, high) => {
    expect(dateInterval(text)).toMatchObject({ low: at(low), high: at(high) });
  });

  it('holds the moment it was cut from, and a coarser date holds the finer', () => {
    fc.assert(
      fc.property(moment, (date) => {
        const iso = date.toISOString();
        let inner = { low: date.getTime(), high: date.getTime() + 1 };
        for (const text of [iso, `${iso.slice(0, 19)}Z`, ...[...PREFIXES].reverse().map((length) => iso.slice(0, length))]) {
          const outer = dateInterval(text)!;
          expect(outer.low).toBeLessThanOrEqual(inner.low);
          expect(outer.high).toBeGreaterThanOrEqual(inner.high);
          inner = outer;
        }
      }),
    );
  });

  it('meets the next one without gap or overlap', () => {
    fc.assert(
      fc.property(moment, fc.constantFrom(...PREFIXES), (date, length) => {
        const { high } = dateInterval(date.toISOString().slice(0, length))!;
        expect(dateInterval(new Date(high).toISOString().slice(0, length))!.low).toBe(high);
      }),
    );
  });

  it('does not depend on the zone it is written in', () => {
    fc.assert(
      fc.property(moment, fc.integer({ min: -14 * 60, max: 14 * 60 }), (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 23);
        const zone = `${offset < 0 ? '-' : '+'}${new Date(Math.abs(offset) * 60_000).toISOString().slice(11, 16)}`;
        fc.pre(/^\d{4}-/.test(local));
        expect(dateInterval(local + zone)!.low).toBe(date.getTime());
      }),
    );
  });

  it.each(['', '26', '2026-13', '2026-00', '2026-02-30', '2025-02-29', '2026-1-1', '2026-01-01T', '2026-01-01T24:00:00Z', '2026-01-01T10:00:61Z', '2026-01-01T10:00:00+15:00', '0000', '2026-01-01 10:00', '+2026'])(
    'does not exist for %j',
    (text) => expect(parseDate(text)).toBeUndefined(),
  );

  it('of a period is open where a side is missing', () => {
    expect(periodInterval({ start: '2026' })).toEqual({ low: at('2026-01-01T00:00:00Z'), high: Infinity });
    expect(periodInterval({ end: '2026' })).toEqual({ low: -Infinity, high: at('2027-01-01T00:00:00Z') });
    expect(periodInterval({})).toBeUndefined();
    expect(periodInterval({ start: 'soon' })).toBeUndefined();
  });
});
