import { refuse } from '@baton/kernel';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const one = (headers: Headers, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** `If-Match`: the version the caller saw, from `W/"3"`. `*` and absence ask for none. @throws Refused `malformed` */
export function ifMatch(headers: Headers): number | undefined {
  const value = one(headers, 'if-match')?.trim();
  if (value === undefined || value === '*') return undefined;
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(value)?.[1];
  if (version === undefined) throw refuse('malformed', 'if-match-malformed', 'If-Match must be an ETag as Baton gives it, e.g. W/"3".');
  return Number(version);
}

/** Whether a read may be answered 304, by `If-None-Match` or else `If-Modified-Since` (RFC 9110 §13.2.2). */
export function notModified(headers: Headers, version: number, lastUpdated: Date): boolean {
  const noneMatch = one(headers, 'if-none-match');
  if (noneMatch !== undefined) return noneMatch.split(',').some((tag) => tag.trim() === '*' || /^(?:W\/)?"(\d+)"$/.exec(tag.trim())?.[1] === String(version));
  const since = Date.parse(one(headers, 'if-modified-since') ?? '');
  return !Number.isNaN(since) && Math.floor(lastUpdated.getTime() / 1000) * 1000 <= since;
}

export type Return = 'minimal' | 'representation' | 'OperationOutcome';

/** `Prefer: return=…`; representation where nothing is asked. */
export function preferReturn(headers: Headers): Return {
  const value = /(?:^|[;,\s])return=(minimal|representation|OperationOutcome)\b/.exec(one(headers, 'prefer') ?? '')?.[1];
  return (value as Return | undefined) ?? 'representation';
}

/** `Prefer: handling=…`; lenient where nothing is asked. */
export const preferHandling = (headers: Headers): 'strict' | 'lenient' => (/(?:^|[;,\s])handling=strict\b/.test(one(headers, 'prefer') ?? '') ? 'strict' : 'lenient');

const ACCEPTED = /^(?:application\/(?:fhir\+json|json|\*)|\*\/\*)$/;

/** Refuses a request that wants anything but FHIR JSON, by `_format` or else by `Accept`. */
export function requireJson(headers: Headers, format: string | undefined): void {
  const wanted = format === undefined ? (one(headers, 'accept') ?? '*/*').split(',') : [format.replace(' ', '+')];
  const fits = wanted.some((type) => {
    const bare = type.split(';')[0]!.trim().toLowerCase();
    return bare === '' || ACCEPTED.test(bare) || bare === 'json' || (format === undefined && bare === 'text/html');
  });
  if (!fits) throw refuse('not-acceptable', 'format-not-offered', 'Baton answers in application/fhir+json.');
}

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** `Idempotency-Key`, if there is one. @throws Refused `malformed` */
export function idempotencyKey(headers: Headers): string | undefined {
  const key = one(headers, 'idempotency-key');
  if (key !== undefined && !IDEMPOTENCY_KEY.test(key)) throw refuse('malformed', 'idempotency-key-malformed', 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
  return key;
}
