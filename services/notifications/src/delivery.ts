/**
 * How a delivery goes on after an attempt (standards.md §2). Pure: answers in, decision out.
 */

/** What came of one request. `status` is missing when there was no answer. */
export interface Answer {
  readonly status?: number;
  /** Milliseconds the partner asks to be left alone (`Retry-After`). */
  readonly retryAfterMs?: number;
  /** Why there was no answer. */
  readonly failure?: 'timeout' | 'connection' | 'dns' | 'refused-address' | 'too-late';
}

/** `abandoned`: not one byte went out, nothing is known of the endpoint; claimed anew at once. */
export type Verdict = 'delivered' | 'gone' | 'parked' | 'retry' | 'abandoned';

const TRY_AGAIN = new Set([408, 425, 429]);

/** What an answer means. A redirect is a failure like an error of the server: it is never followed. */
export function judge(answer: Answer): Verdict {
  if (answer.failure === 'too-late') return 'abandoned';
  const { status } = answer;
  if (status === undefined) return 'retry';
  if (status >= 200 && status < 300) return 'delivered';
  if (status === 410) return 'gone';
  return status >= 400 && status < 500 && !TRY_AGAIN.has(status) ? 'parked' : 'retry';
}

export interface Schedule {
  /** Milliseconds before the 2nd, 3rd … attempt; the first is at once. */
  readonly pauses: readonly number[];
  /** Milliseconds between attempts of events of referrals with priority stat or asap, until received or parked. */
  readonly urgentEvery: number;
}

const seconds = (n: number): number => n * 1000;
const hours = (n: number): number => n * 3_600_000;

export const SCHEDULE: Schedule = {
  pauses: [seconds(5), seconds(300), seconds(1800), hours(2), hours(5), hours(10), hours(14), hours(20), hours(24)],
  urgentEvery: seconds(15),
};

const RETRY_AFTER_AT_MOST = hours(24);
/** A partner may slow an alarm down, but not silence it. */
const URGENT_RETRY_AFTER_AT_MOST = seconds(60);

/**
 * When to try again.
 *
 * @param failed attempts that failed so far, this one included
 * @param random 0 … 1; spreads pauses over ±20 %
 * @returns milliseconds from now, or undefined when the schedule is exhausted
 */
export function pauseAfter(failed: number, urgent: boolean, answer: Answer, random: number, schedule: Schedule = SCHEDULE): number | undefined {
  const pause = urgent ? schedule.urgentEvery : schedule.pauses[failed - 1];
  if (pause === undefined) return undefined;
  const asked = Math.min(answer.retryAfterMs ?? 0, urgent ? URGENT_RETRY_AFTER_AT_MOST : RETRY_AFTER_AT_MOST);
  return Math.max(Math.round(pause * (0.8 + 0.4 * random)), asked);
}

/** `Retry-After`, seconds or an HTTP date (RFC 9110 §10.2.3), as milliseconds from now. */
export function retryAfterMs(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}

/** Code of `http://terminology.hl7.org/CodeSystem/subscription-error` for a failed attempt. */
export const errorCodeOf = (answer: Answer): string => (answer.failure === 'dns' ? 'dns-resolution-error' : answer.status === undefined ? 'no-response' : 'error-response');
