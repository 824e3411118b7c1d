/** Instants in UTC that a FHIR date stands for, in milliseconds since 1970: the first, and the first after the last. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const DATE_TIME = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

const leapYear = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const daysIn = (year: number, month: number): number => (month === 2 ? (leapYear(year) ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31);

/** A date as far as it is written. */
export interface DateParts {
  readonly precision: 'year' | 'month' | 'day' | 'minute' | 'second' | 'fraction';
  readonly low: number;
  readonly high: number;
  /** Whether a zone was written; needed once there is a time. */
  readonly zoned: boolean;
}

function offsetMinutes(zone: string): number | undefined {
  if (zone === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4, 6))];
  if (minutes > 59 || hours * 60 + minutes > 14 * 60) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Date.UTC takes the years 0 to 99 for 1900 to 1999; no date Baton takes is older than the year 1. */
function utc(year: number, month: number, day: number): number {
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  return at.getTime();
}

/**
 * Takes a FHIR date, dateTime or instant apart (R4 §2.24.0.1), partial ones too; a search's `2026-03-01T10:00` without seconds besides.
 * A time without zone is read as UTC. A leap second (`:60`) is the second that follows. Digits beyond milliseconds are cut.
 *
 * @returns undefined if there is no such date (30 February included)
 */
export function parseDate(text: string): DateParts | undefined {
  const match = DATE_TIME.exec(text);
  if (!match) return undefined;
  const [, y, mo, d, h, mi, s, fraction, zone] = match;
  const year = Number(y);
  const month = Number(mo ?? 1);
  const day = Number(d ?? 1);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  const zoned = zone !== undefined;
  if (mo === undefined) return { precision: 'year', low: utc(year, 1, 1), high: utc(year + 1, 1, 1), zoned };
  if (d === undefined) return { precision: 'month', low: utc(year, month, 1), high: utc(year, month + 1, 1), zoned };
  const low = utc(year, month, day);
  if (h === undefined || mi === undefined) return { precision: 'day', low, high: low + DAY, zoned };
  return atTime(low, [Number(h), Number(mi), Number(s ?? 0)], s === undefined ? 'minute' : fraction === undefined ? 'second' : 'fraction', fraction, zone);
}

function atTime(day: number, [h, mi, s]: readonly [number, number, number], precision: 'minute' | 'second' | 'fraction', fraction: string | undefined, zone: string | undefined): DateParts | undefined {
  const offset = zone === undefined ? 0 : offsetMinutes(zone);
  if (h > 23 || mi > 59 || s > 60 || offset === undefined) return undefined;
  const millis = fraction === undefined ? 0 : Number(fraction.padEnd(3, '0').slice(0, 3));
  const low = day + (h * 60 + mi - offset) * MINUTE + s * 1000 + millis;
  return { precision, low, high: low + (precision === 'minute' ? MINUTE : precision === 'second' ? 1000 : 1), zoned: zone !== undefined };
}

/** The interval a date covers, as {@link parseDate} reads it. */
export const dateInterval = (text: string): Interval | undefined => parseDate(text);

/** The interval of a Period; an open side reaches to ±Infinity. @returns undefined if both sides are missing or one is no date */
export function periodInterval(period: { readonly start?: string; readonly end?: string }): Interval | undefined {
  if (period.start === undefined && period.end === undefined) return undefined;
  const start = period.start === undefined ? -Infinity : parseDate(period.start)?.low;
  const end = period.end === undefined ? Infinity : parseDate(period.end)?.high;
  return start === undefined || end === undefined ? undefined : { low: start, high: end };
}
