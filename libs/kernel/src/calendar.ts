const LONDON = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London', year: 'numeric', month: '2-digit', day: '2-digit' });
const LONDON_HOUR = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', hour: '2-digit', hourCycle: 'h23' });

/** The calendar day in Europe/London at an instant, `YYYY-MM-DD`: ages and the days a route is open are counted in it. */
export const londonDay = (instant: Date): string => LONDON.format(instant);

/** The instant a calendar day begins in Europe/London; clocks there change at 01:00 UTC, never at midnight. */
export function startOfLondonDay(day: string): Date {
  const midnightUtc = new Date(`${day}T00:00:00Z`);
  // In summer London is an hour ahead: its midnight was 23:00 UTC the day before.
  return LONDON_HOUR.format(midnightUtc) === '00' ? midnightUtc : new Date(midnightUtc.getTime() - 3_600_000);
}

/**
 * Age in full years on a day, by calendar birthday: someone born on 29 February turns a year older on 1 March of a
 * common year, as English law counts.
 *
 * @param birthDate FHIR date: `YYYY-MM-DD`, or less exact `YYYY-MM`, `YYYY`
 * @param day `YYYY-MM-DD`
 * @returns the youngest and the oldest age the birth date allows; both the same when it is exact
 */
export function ageOn(birthDate: string, day: string): { youngest: number; oldest: number } {
  const latest = birthDate.length === 10 ? birthDate : birthDate.length === 7 ? `${birthDate}-31` : `${birthDate}-12-31`;
  const earliest = birthDate.length === 10 ? birthDate : birthDate.length === 7 ? `${birthDate}-01` : `${birthDate}-01-01`;
  return { youngest: yearsBetween(latest, day), oldest: yearsBetween(earliest, day) };
}

// Month and day compare as text; 29 February comes after 28 February and before 1 March, which is the rule.
const yearsBetween = (birth: string, day: string): number => Number(day.slice(0, 4)) - Number(birth.slice(0, 4)) - (day.slice(5) < birth.slice(5) ? 1 : 0);
