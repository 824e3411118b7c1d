import { ageOn, londonDay, startOfLondonDay } from './calendar.js';

describe('the calendar of Europe/London', () => {
  it('takes the day from London, not from UTC', () => {
    expect(londonDay(new Date('2026-06-30T23:30:00Z'))).toBe('2026-07-01');
    expect(londonDay(new Date('2026-11-25T23:59:59Z'))).toBe('2026-11-25');
  });

  it('begins a day at local midnight, in summer and in winter', () => {
    expect(startOfLondonDay('2026-07-01').toISOString()).toBe('2026-06-30T23:00:00.000Z');
    expect(startOfLondonDay('2026-12-01').toISOString()).toBe('2026-12-01T00:00:00.000Z');
    expect(startOfLondonDay('2026-03-29').toISOString()).toBe('2026-03-29T00:00:00.000Z');
    expect(startOfLondonDay('2026-10-25').toISOString()).toBe('2026-10-24T23:00:00.000Z');
  });

  it('adds a year of age on the birthday', () => {
    expect(ageOn('2013-11-26', '2026-11-25')).toEqual({ youngest: 12, oldest: 12 });
    expect(ageOn('2013-11-25', '2026-11-25')).toEqual({ youngest: 13, oldest: 13 });
  });

  it('lets someone born on 29 February turn older on 1 March of a common year', () => {
    expect(ageOn('2012-02-29', '2025-02-28').oldest).toBe(12);
    expect(ageOn('2012-02-29', '2025-03-01').oldest).toBe(13);
  });

  it('gives a range for a birth date that is not exact', () => {
    expect(ageOn('2013', '2026-11-25')).toEqual({ youngest: 12, oldest: 13 });
    expect(ageOn('2013-11', '2026-11-25')).toEqual({ youngest: 12, oldest: 13 });
    expect(ageOn('2013-10', '2026-11-25')).toEqual({ youngest: 13, oldest: 13 });
  });
});
